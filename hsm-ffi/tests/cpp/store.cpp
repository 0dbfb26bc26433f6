// hsm.hpp says what hsm.h can do, in C++: every class once, and what exceptions do on the way.

#include <hsm.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include "check.hpp"

namespace {

void puts_and_gets(const hsm::store &store)
{
    const auto put = store.put("hello");
    CHECK(store.get_string(put.id) == "hello");
    std::array<char, 3> some{};
    CHECK(store.get_bytes(put.id, some, 1) == 3 && std::string_view(some.data(), 3) == "ell");

    const std::vector<double> numbers{1.5, 2.5};
    const auto typed = store.put(numbers);
    std::vector<double> back(2);
    CHECK(store.get_bytes(typed.id, back) == 2 * sizeof(double) && back == numbers);

    hsm::put_options options;
    options.attributes(hsm::attributes{{"code", "climate"}}).add_digest("sha256").tier(1);
    auto writer = store.writer(options);
    writer.write("piece ").write("by piece");
    CHECK(writer.size() == 14);
    const auto written = writer.commit();
    CHECK(status_of([&] { writer.write("more"); }) == HSM_STATUS_CLOSED);
    const auto known = store.object(written.id);
    CHECK(known.info().size_bytes == 14 && known.attribute("code") == "climate" && !known.attribute("none"));
    CHECK(known.digests().size() == 1 && known.digests()[0].rfind("sha256:", 0) == 0);
    CHECK(known.copies().size() == 1 && known.copies()[0].tier == 1);

    auto reader = store.reader(written.id);
    store.put("other content", hsm::put_options().object(written.id));
    std::array<char, 64> all{};
    const auto read = reader.read(all);
    CHECK(std::string_view(all.data(), read) == "piece by piece" && reader.read(all) == 0);

    store.put_at(put.id, 5, " there");
    CHECK(store.get_string(put.id) == "hello there");
    CHECK(store.put_empty().generation == store.object(store.put_empty().id).info().generation);
}

void streams_and_what_they_throw(const hsm::store &store)
{
    std::string source(3'000'000, 'x');
    std::size_t at = 0;
    const auto put = store.put_stream([&](void *into, std::size_t size) {
        const auto now = std::min(size, source.size() - at);
        std::copy_n(source.data() + at, now, static_cast<char *>(into));
        at += now;
        return now;
    });
    std::string back;
    CHECK(store.get_stream(put.id, [&](std::string_view run) { back += run; }) == source.size());
    CHECK(back == source);

    const auto before = store.last_position().number;
    try {
        store.put_stream([](void *, std::size_t) -> std::size_t { throw std::domain_error("mine"); });
        CHECK(!"it throws");
    } catch (const std::domain_error &error) {
        CHECK(std::string_view(error.what()) == "mine");
    }
    try {
        store.get_stream(put.id, [](std::string_view) { throw 7; });
        CHECK(!"it throws");
    } catch (int thrown) {
        CHECK(thrown == 7);
    }
    CHECK(store.last_position().number == before); // And nothing was stored.
}

void names_and_listings(const hsm::store &store)
{
    const auto runs = store.create_dataset("runs", {{"owner", "me"}});
    CHECK(store.find_dataset("runs") == runs && store.dataset(runs).name() == "runs");
    auto batch = store.batch();
    for (int number = 0; number < 2500; ++number)
        batch.put("x", hsm::put_options().key(runs, "run/" + std::to_string(number)));
    batch.put("y", hsm::put_options().key(runs, "run/0x").mode(HSM_PUT_UPDATE)); // There is none to update.
    CHECK(batch.size() == 2501 && batch.commit() == 1);
    CHECK(batch.result(0).generation == 1);
    CHECK(status_of([&] { batch.result(2500); }) == HSM_STATUS_NOT_FOUND);

    std::set<std::string> keys;
    for (const auto &found : store.objects(hsm::query().dataset(runs).key_prefix("run/")))
        keys.insert(std::string(found.key()));
    CHECK(keys.size() == 2500 && keys.count("run/17") == 1);
    CHECK(store.dataset(runs).info().keys == 2500);
    CHECK(store.next_dataset()->name() == "runs" && !store.next_dataset("runs"));

    auto listing = store.objects(hsm::query().dataset(runs));
    const auto stopped = listing.begin()->info().id; // A range goes on where a loop stopped.
    std::size_t rest = 0;
    for (const auto &found : listing)
        rest += found.info().id != stopped;
    CHECK(rest == 2499);
}

void tiers_and_moves(const hsm::store &store)
{
    const auto put = store.put("to be moved");
    CHECK(store.copy(put.id, 3) && !store.copy(put.id, 3));
    CHECK(store.release(put.id, 0));
    try {
        store.release(put.id, 3);
        CHECK(!"the last copy is not dropped");
    } catch (const hsm::error &error) {
        CHECK(error.status() == HSM_STATUS_REFUSED && error.object() == put.id && error.tier() == 3);
    }
    store.pin(put.id, 3, "ann", INT64_MAX);
    const auto pinned = store.next_pin(nullptr, &put.id, 3, "ann");
    CHECK(pinned && pinned->tier == 3 && !store.next_pin(&*pinned));
    CHECK(store.unpin(put.id, 3, "ann") && !store.unpin(put.id, 3, "ann"));
    store.pin(std::vector<hsm::id>{put.id}, 3, "ann", INT64_MAX);
    CHECK(store.pin_all(hsm::query(), 2, "ann", INT64_MAX) >= 1);
    CHECK(store.unpin_all("ann", 3) == 1 && store.unpin_all("ann") >= 1 && store.unpin_all("ann") == 0);
    store.set_limits(3, {2, 0, 1 << 20});
    CHECK(store.limits(3).actions_max == 2 && store.limits(2).actions_max == 0);
    CHECK(store.recall(put.id, 0) && store.move(put.id, 3, 2));
    store.verify(put.id, 2);
    const auto others = std::vector<hsm::id>{store.put("a").id, store.put("b").id};
    store.move(others, 0, 4);
    CHECK(store.tier(4).objects == 2 && store.tiers().size() == 5);

    store.add_tier(hsm::tier_settings(9).name("scratch"));
    store.move(others, 4, 9);
    CHECK(store.lose_tier(9).size() == 2);
    store.remove(put.id);
    CHECK(status_of([&] { store.object(put.id); }) == HSM_STATUS_NOT_FOUND);
    store.undelete(put.id);
    CHECK(store.get_string(put.id) == "to be moved");
}

void the_feed(const hsm::store &store)
{
    std::uint64_t last = 0;
    auto feed = store.feed();
    for (const auto &event : feed) {
        CHECK(event.info().position.number == last + 1);
        last = event.info().position.number;
    }
    CHECK(last == store.last_position().number);
    store.put("one more");
    std::size_t more = 0;
    for (const auto &event : feed)
        more += event.info().kind == HSM_EVENT_PUT;
    CHECK(more == 1);
}

void sinking(const hsm::store &store, const std::string &path)
{
    auto sink = store.sink("sink", path, store.last_position());
    CHECK(sink.pump(0) == 0);
    store.put("sunk");
    CHECK(sink.pump() == 1);
    CHECK(status_of([&] { store.sink("sink", path); }) == HSM_STATUS_BUSY);
}

void following(const hsm::store &store)
{
    const auto after = store.last_position();
    store.subscribe("mirror", after);
    CHECK(status_of([&] { store.subscribe("mirror"); }) == HSM_STATUS_EXISTS);
    const auto put = store.put("followed");
    {
        auto subscription = store.subscription("mirror");
        subscription.timeout_ms(0);
        std::size_t seen = 0;
        for (const auto &event : subscription) {
            CHECK(!subscription.is_gap() && event.info().kind == HSM_EVENT_PUT);
            ++seen;
        }
        CHECK(seen == 1 && subscription.acked()->number == after.number && subscription.descriptor() >= 0);
        subscription.ack();
        CHECK(subscription.acked()->number == subscription.position().number);
        CHECK(subscription.gap().first.number == 0);
        subscription.ack(put.position, HSM_RELAXED);
    }
    CHECK(store.subscribers().size() == 1 && store.subscribers()[0].name == "mirror");
    CHECK(store.subscribers()[0].info.acked.number == put.position.number);
    store.drop_subscriber("mirror");
    CHECK(store.subscribers().empty());

    const auto dataset = store.create_dataset("followed", {});
    store.put("in it", hsm::put_options().key(dataset, "key").attributes({{"hint", "0,1"}}));
    const auto count = [&](hsm::subscription subscription) {
        std::size_t seen = 0;
        for (const auto &event : subscription.timeout_ms(0))
            seen += event.info().kind == HSM_EVENT_PUT;
        return seen;
    };
    CHECK(count(store.follow(after)) == 2);
    CHECK(count(std::move(store.follow(after).dataset(dataset))) == 1);
    CHECK(count(std::move(store.follow(after).attribute("hint").add_kind(HSM_EVENT_PUT))) == 1);
    CHECK(count(std::move(store.follow(after).attribute("hint", "1,0"))) == 0);
    std::size_t changed = 0;
    for (const auto &found : store.objects(hsm::query().changed_after(put.position.number))) {
        CHECK(found.info().changed > put.position.number);
        ++changed;
    }
    CHECK(changed == 1);
    CHECK(count(std::move(store.follow(after).leave_out_kind(HSM_EVENT_PUT))) == 0);
    CHECK(count(std::move(store.follow(after).leave_out_kind(HSM_EVENT_ACCESSED))) == 2);
    CHECK(store.access_staleness() == 3600000000000U);
    store.set_access_staleness(0);
    CHECK(store.access_staleness() == 0);
    CHECK(store.reader(put.id).object().info().accessed_ns == 0);
    CHECK(store.object(put.id).info().accessed_ns > 0);
    store.set_access_staleness(UINT64_MAX);
    CHECK(store.retention().first == UINT64_MAX);
    store.set_retention(1000000, UINT64_MAX);
    CHECK(store.retention().first == 1000000 && store.retention().second == UINT64_MAX);
}

void parts_and_ids(const hsm::store &store)
{
    auto parts = store.parts(hsm::put_options().block_size_bytes(4096));
    const auto joined = store.join_parts(parts.token());
    const std::string first(4096, '1');
    auto second = joined.part(4096);
    second.write("the end");
    parts.add_receipt(second.finish());
    auto begin = parts.part(0);
    begin.write(first);
    parts.add_receipt(begin.finish());
    const auto put = parts.commit();
    CHECK(store.get_string(put.id) == first + "the end");

    CHECK(hsm::parse_id(hsm::to_string(put.id)) == put.id);
    CHECK(status_of([] { hsm::parse_id("no id"); }) == HSM_STATUS_INVALID);
    const auto earlier = store.new_id();
    CHECK(earlier < store.new_id());
}

void the_way_back(const std::string &directory)
{
    hsm::id kept;
    {
        const hsm::store store(directory + "/lost");
        kept = store.put("on its root").id;
        const auto first = store.snapshot_to(1);
        store.put("one more");
        store.snapshot_to(1);
        const auto snapshots = store.snapshots(1);
        CHECK(snapshots.size() == 2 && snapshots[1].position.number == first.number && store.snapshots(0).empty());
    }
    CHECK(std::rename((directory + "/lost/tiers").c_str(), (directory + "/roots").c_str()) == 0);
    hsm::store_options options;
    CHECK(status_of([&] { hsm::store::rebuild(directory + "/rebuilt", options); }) == HSM_STATUS_INVALID);
    options.add_root(directory + "/roots/0").add_root(directory + "/roots/1");
    try {
        hsm::store::rebuild(
            directory + "/rebuilt", options, [](const hsm_progress &) { throw 17; }, [](const hsm_finding &) {});
        CHECK(!"what it throws stops the call");
    } catch (int thrown) {
        CHECK(thrown == 17);
    }
    std::uint64_t objects = 0, findings = 0;
    const auto rebuilt = hsm::store::rebuild(
        directory + "/rebuilt", options, [&](const hsm_progress &now) { objects = now.objects_done; },
        [&](const hsm_finding &) { findings++; });
    CHECK(rebuilt.objects == 2 && objects == 2 && findings == 0 && rebuilt.tiers == 2);
    const hsm::store store(directory + "/rebuilt");
    CHECK(store.get_string(kept) == "on its root" && store.read_only_reason());
    CHECK(store.reconcile([](const hsm_finding &) { CHECK(!"nothing is left out"); }).unknown_places == 0);
    std::size_t missing = 0;
    const auto got = store.get_into({kept, store.new_id()}, directory + "/files",
                                    [&](const hsm::delivery &one) { missing += one.status() == HSM_STATUS_NOT_FOUND; });
    CHECK(got.files == 1 && got.failed == 1 && missing == 1);
    CHECK(store.get_all_into(hsm::query(), directory + "/files", [](const hsm::delivery &) {}).files == 2);
    store.remove(kept);
}

} // namespace

void actions(const hsm::store &store)
{
    const std::vector<hsm::id> objects = {store.put("first").id, store.put("second").id};
    hsm::action_options options;
    options.priority(3).owner("me").reason("why not").attempts_max(2);
    const auto one = store.submit(HSM_ACTION_COPY, objects[0], hsm::any_tier, 2, false, options);
    CHECK(store.action(one).state == HSM_ACTION_QUEUED && store.action(one).priority == 3);
    CHECK(!store.wait_action(one, 0));
    CHECK(store.action_text(one, HSM_ACTION_TEXT_OWNER) == "me" && !store.action_text(one, HSM_ACTION_TEXT_ERROR));
    const auto group = store.submit_group(HSM_ACTION_COPY, objects, hsm::any_tier, 2);
    CHECK(store.cancel_group(group) == 2 && store.retry_group(group) == 2);
    store.cancel_action(one);
    CHECK(store.wait_action(one)->state == HSM_ACTION_CANCELLED);
    store.retry_action(one);
    CHECK(!store.wait_group(group, 0) && store.run().done == 3);
    CHECK(store.wait_group(group)->done == 2 && store.group(group).done == 2);
    const auto next = store.next_action(0, HSM_ACTION_DONE, group);
    CHECK(next && next->object == objects[0] && store.next_action(0)->id == one);
    hsm::action_options again;
    again.id(one).group(group).deadline_ns(1);
    CHECK(store.submit(HSM_ACTION_COPY, objects[0], hsm::any_tier, 2, false, again) == one);
    again.after(one);
    CHECK(store.submit(HSM_ACTION_COPY, objects[0], hsm::any_tier, 2, false, again) == one);
    const auto other = store.submit_group(HSM_ACTION_VERIFY, objects, hsm::any_tier, 2, false, hsm::action_options());
    CHECK(store.run().done == 2 && store.group(other).done == 2);
    const auto mount = store.submit_site("tape.mount", "VOL001");
    store.submit_site("tape.mount", "VOL002", &objects[0], &options);
    CHECK(!store.lease("tape.eject", "robot", 60000, 0));
    const auto leased = store.lease("tape.eject,tape.mount", "robot", 60000, 0);
    CHECK(leased && leased->verb == HSM_ACTION_SITE && leased->token > 0);
    store.extend_lease(leased->id, leased->token, 60000);
    store.extend_lease(leased->id, leased->token, 60000, "in the drive");
    store.give_back_lease(leased->id, leased->token);
    const auto again_leased = store.lease("tape.mount", "robot", 60000, 0);
    store.complete_lease(again_leased->id, again_leased->token, "drive 3");
    CHECK(store.action_bytes(again_leased->id, HSM_ACTION_BYTES_RESULT) == "drive 3");
    const auto other_leased = store.lease("tape.mount", "robot", 60000);
    store.fail_lease(other_leased->id, other_leased->token, "no drive", false);
    CHECK(store.action_bytes(mount, HSM_ACTION_BYTES_PAYLOAD) == "VOL001");
    CHECK(!store.action_bytes(mount, HSM_ACTION_BYTES_RESULT) || again_leased->id == mount);
    store.set_actions_kept(0, UINT64_MAX);
    CHECK(store.maintain().actions_forgotten == 7 && !store.next_action(0));
}

int main(int, char **arguments)
{
    const hsm::store store(std::string(arguments[1]) + "/store", hsm::store_options().create(HSM_CREATE_NEW));
    puts_and_gets(store);
    streams_and_what_they_throw(store);
    names_and_listings(store);
    tiers_and_moves(store);
    the_feed(store);
    following(store);
    actions(store);
    sinking(store, std::string(arguments[1]) + "/sunk.yaml");
    parts_and_ids(store);
    the_way_back(arguments[1]);
    CHECK(!store.read_only_reason());
    store.close();
    CHECK(status_of([&] { store.put("late"); }) == HSM_STATUS_CLOSED);
    CHECK(status_of([&] { hsm::store(std::string(arguments[1])); }) == HSM_STATUS_INVALID);
}
