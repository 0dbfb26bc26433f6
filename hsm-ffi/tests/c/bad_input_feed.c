/* Bad input: events, the feed. */
#include "bad_input.h"

static void events(const hsm_event *put, const hsm_event *tier)
{
    BAD(INVALID, hsm_event_stat, event, (NULL, &out.event_info, sizeof out.event_info, &error));
    BAD(INVALID, hsm_event_stat, info_out, (put, NULL, sizeof out.event_info, &error));
    BAD(INVALID, hsm_event_stat, info_size, (put, &out.event_info, 0, &error));
    BAD(INVALID, hsm_event_stat, info_size, (put, &out.event_info, TOO_LONG, &error));
    BAD(INVALID, hsm_event_copy_at, event, (NULL, 0, &out.copy, sizeof out.copy, &error));
    BAD(END, hsm_event_copy_at, index, (put, 1, &out.copy, sizeof out.copy, &error));
    BAD(END, hsm_event_copy_at, index, (tier, SIZE_MAX, &out.copy, sizeof out.copy, &error));
    BAD(INVALID, hsm_event_copy_at, copy_out, (put, 0, NULL, sizeof out.copy, &error));
    BAD(INVALID, hsm_event_copy_at, copy_size, (put, 0, &out.copy, 0, &error));
    BAD(INVALID, hsm_event_digest_at, event, (NULL, 0, out.buffer, 99, &out.length, &error));
    BAD(END, hsm_event_digest_at, index, (put, SIZE_MAX, out.buffer, 99, &out.length, &error));
    BAD(INVALID, hsm_event_digest_at, buffer, (put, 0, NULL, 99, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_event_digest_at, buffer_size, (put, 0, out.buffer, 3, &out.length, &error));
    FINE(hsm_event_digest_at, length_out, (put, 0, out.buffer, 99, NULL, &error));
    BAD(INVALID, hsm_event_attributes, event, (NULL, &out.attributes, &error));
    BAD(INVALID, hsm_event_attributes, attributes_out, (put, NULL, &error));
    BAD(INVALID, hsm_event_key, event, (NULL, &out.bytes, &out.length, &error));
    BAD(END, hsm_event_key, event, (tier, &out.bytes, &out.length, &error));
    BAD(INVALID, hsm_event_key, key_out, (put, NULL, &out.length, &error));
    SAYS(INVALID, "length_out", hsm_event_key, key_length_out, (put, &out.bytes, NULL, &error));
    BAD(INVALID, hsm_event_name, event, (NULL, &out.bytes, &out.length, &error));
    BAD(END, hsm_event_name, event, (put, &out.bytes, &out.length, &error));
    BAD(INVALID, hsm_event_name, name_out, (tier, NULL, &out.length, &error));
    SAYS(INVALID, "length_out", hsm_event_name, name_length_out, (tier, &out.bytes, NULL, &error));
    BAD(INVALID, hsm_event_value, event, (NULL, &out.bytes, &out.length, &error));
    BAD(END, hsm_event_value, event, (put, &out.bytes, &out.length, &error));
    BAD(INVALID, hsm_event_value, value_out, (tier, NULL, &out.length, &error));
    SAYS(INVALID, "length_out", hsm_event_value, value_length_out, (tier, &out.bytes, NULL, &error));
    BAD(INVALID, hsm_event_tier, event, (NULL, &out.tier, sizeof out.tier, &made.tier_settings, &error));
    BAD(END, hsm_event_tier, event, (put, &out.tier, sizeof out.tier, &made.tier_settings, &error));
    BAD(INVALID, hsm_event_tier, info_out, (tier, NULL, sizeof out.tier, &made.tier_settings, &error));
    BAD(INVALID, hsm_event_tier, info_size, (tier, &out.tier, 0, &made.tier_settings, &error));
    FINE(hsm_event_tier, settings_out, (tier, &out.tier, sizeof out.tier, NULL, &error));
}

static void feeds(hsm_feed *feed, hsm_feed *closed, hsm_feed *beyond)
{
    const hsm_position *start = &world.position;
    PLAIN(hsm_feed_free, feed, (hsm_feed_free(NULL), 1));
    BAD(INVALID, hsm_feed_open, store, (NULL, start, &made.feed, &error));
    CLOSED(hsm_feed_open, store, (world.closed, start, &made.feed, &error));
    FINE(hsm_feed_open, after, (world.store, NULL, &made.feed, &error));
    BAD(INVALID, hsm_feed_open, feed_out, (world.store, start, NULL, &error));
    BAD(INVALID, hsm_feed_next, feed, (NULL, &out.event, &error));
    CLOSED(hsm_feed_next, feed, (closed, &out.event, &error));
    SAYS(INVALID, "position", hsm_feed_next, feed, (beyond, &out.event, &error));
    SAYS(INVALID, "position", hsm_feed_next, feed, (beyond, &out.event, &error));
    BAD(INVALID, hsm_feed_next, event_out, (feed, NULL, &error));
    BAD(INVALID, hsm_feed_position, feed, (NULL, &out.position, &error));
    FINE_CLOSED(hsm_feed_position, feed, (closed, &out.position, &error));
    BAD(INVALID, hsm_feed_position, position_out, (feed, NULL, &error));
}

/* The first event of a kind. */
static hsm_feed *first(int32_t kind, const hsm_event **event)
{
    hsm_feed *feed = NULL;
    hsm_event_info info;
    CHECK_OK(hsm_feed_open(world.store, NULL, &feed, &error));
    do {
        CHECK_OK(hsm_feed_next(feed, event, &error));
        CHECK_OK(hsm_event_stat(*event, &info, sizeof info, &error));
    } while (info.kind != kind);
    return feed;
}

int main(int argc, char **argv)
{
    hsm_feed *closed = NULL, *beyond = NULL, *puts, *tiers;
    const hsm_event *put = NULL, *tier = NULL;
    hsm_position later;
    open_world(argc, argv);
    later = world.position;
    later.number += 1000;
    CHECK_OK(hsm_feed_open(world.closed, NULL, &closed, &error));
    CHECK_OK(hsm_feed_open(world.store, &later, &beyond, &error));
    close_the_other();
    puts = first(HSM_EVENT_PUT, &put);
    tiers = first(HSM_EVENT_TIER_SET, &tier);
    events(put, tier);
    feeds(puts, closed, beyond);
    hsm_feed_free(puts);
    hsm_feed_free(tiers);
    hsm_feed_free(closed);
    hsm_feed_free(beyond);
    close_world();
    return 0;
}
