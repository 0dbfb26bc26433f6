/* Bad input: writers, parts, batches. */
#include "bad_input.h"

static hsm_id zero;

/* Options that cannot be fulfilled. */
static hsm_put_options *no_tier, *no_set;

static void writers(hsm_writer *closed)
{
    hsm_writer *writer = NULL;
    PLAIN(hsm_writer_free, writer, (hsm_writer_free(NULL), 1));
    BAD(INVALID, hsm_writer_open, store, (NULL, NULL, &made.writer, &error));
    CLOSED(hsm_writer_open, store, (world.closed, NULL, &made.writer, &error));
    FINE(hsm_writer_open, options, (world.store, NULL, &made.writer, &error));
    BAD(NOT_FOUND, hsm_writer_open, options, (world.store, no_tier, &made.writer, &error));
    FINE(hsm_writer_open, options, (world.store, no_set, &made.writer, &error));
    BAD(INVALID, hsm_writer_open, writer_out, (world.store, NULL, NULL, &error));

    CHECK_OK(hsm_writer_open(world.store, NULL, &writer, &error));
    BAD(INVALID, hsm_writer_write, writer, (NULL, "bytes", 5, &error));
    CLOSED(hsm_writer_write, writer, (closed, "bytes", 5, &error));
    BAD(INVALID, hsm_writer_write, data, (writer, NULL, 5, &error));
    BAD(INVALID, hsm_writer_write, size, (writer, "bytes", TOO_LONG, &error));
    BAD(INVALID, hsm_writer_size, writer, (NULL, &out.number, &error));
    CLOSED(hsm_writer_size, writer, (closed, &out.number, &error));
    BAD(INVALID, hsm_writer_size, size_bytes_out, (writer, NULL, &error));
    BAD(INVALID, hsm_writer_commit, writer, (NULL, &out.put, sizeof out.put, &error));
    CLOSED(hsm_writer_commit, writer, (closed, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_writer_commit, result_size, (writer, &out.put, 0, &error));
    BAD(INVALID, hsm_writer_commit, result_size, (writer, &out.put, TOO_LONG, &error));
    FINE(hsm_writer_commit, result_out, (writer, NULL, 0, &error));
    CONSUMED(hsm_writer_write, writer, (writer, "bytes", 5, &error));
    CONSUMED(hsm_writer_size, writer, (writer, &out.number, &error));
    CONSUMED(hsm_writer_commit, writer, (writer, &out.put, sizeof out.put, &error));
    hsm_writer_free(writer);
}

/* Writes a part. Answers the length of its receipt. */
static size_t one_part(hsm_parts *parts, hsm_parts *closed_parts, hsm_part *closed, char receipt[4096])
{
    size_t length = 0;
    hsm_part *part = NULL;
    PLAIN(hsm_part_free, part, (hsm_part_free(NULL), 1));
    BAD(INVALID, hsm_part_begin, parts, (NULL, 0, &made.part, &error));
    CLOSED(hsm_part_begin, parts, (closed_parts, 0, &made.part, &error));
    BAD(INVALID, hsm_part_begin, offset, (parts, 1, &made.part, &error));
    BAD(INVALID, hsm_part_begin, offset, (parts, UINT64_MAX, &made.part, &error));
    BAD(INVALID, hsm_part_begin, part_out, (parts, 0, NULL, &error));
    CHECK_OK(hsm_part_begin(parts, 0, &part, &error));
    BAD(INVALID, hsm_part_write, part, (NULL, "bytes", 5, &error));
    CLOSED(hsm_part_write, part, (closed, "bytes", 5, &error));
    BAD(INVALID, hsm_part_write, data, (part, NULL, 5, &error));
    BAD(INVALID, hsm_part_write, size, (part, "bytes", TOO_LONG, &error));
    CHECK_OK(hsm_part_write(part, "bytes", 5, &error));
    BAD(INVALID, hsm_part_finish, part, (NULL, out.buffer, 4096, &out.length, &error));
    CLOSED(hsm_part_finish, part, (closed, out.buffer, 4096, &out.length, &error));
    BAD(INVALID, hsm_part_finish, buffer, (part, NULL, 4096, &out.length, &error));
    BAD(INVALID, hsm_part_finish, buffer_size, (part, out.buffer, TOO_LONG, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_part_finish, buffer_size, (part, out.buffer, 1, &out.length, &error));
    FINE_CONSUMED(hsm_part_finish, part, (part, out.buffer, 4096, &out.length, &error));
    FINE(hsm_part_finish, length_out, (part, out.buffer, 4096, NULL, &error));
    CONSUMED(hsm_part_write, part, (part, "bytes", 5, &error));
    CHECK_OK(hsm_part_finish(part, receipt, 4096, &length, &error));
    hsm_part_free(part);
    return length;
}

static void many_parts(hsm_parts *closed, hsm_part *closed_part)
{
    hsm_parts *parts = NULL;
    char token[128], receipt[4096];
    size_t length = 0, receipt_length;
    PLAIN(hsm_parts_free, parts, (hsm_parts_free(NULL), 1));
    BAD(INVALID, hsm_parts_begin, store, (NULL, NULL, &made.parts, &error));
    CLOSED(hsm_parts_begin, store, (world.closed, NULL, &made.parts, &error));
    FINE(hsm_parts_begin, options, (world.store, NULL, &made.parts, &error));
    BAD(NOT_FOUND, hsm_parts_begin, options, (world.store, no_tier, &made.parts, &error));
    FINE(hsm_parts_begin, options, (world.store, no_set, &made.parts, &error));
    BAD(INVALID, hsm_parts_begin, parts_out, (world.store, NULL, NULL, &error));
    CHECK_OK(hsm_parts_begin(world.store, NULL, &parts, &error));
    BAD(INVALID, hsm_parts_token, parts, (NULL, out.buffer, 128, &out.length, &error));
    CLOSED(hsm_parts_token, parts, (closed, out.buffer, 128, &out.length, &error));
    BAD(INVALID, hsm_parts_token, buffer, (parts, NULL, 128, &out.length, &error));
    BAD(BUFFER_TOO_SMALL, hsm_parts_token, buffer_size, (parts, out.buffer, 1, &out.length, &error));
    FINE(hsm_parts_token, length_out, (parts, out.buffer, sizeof out.buffer, NULL, &error));
    CHECK_OK(hsm_parts_token(parts, token, sizeof token, &length, &error));
    BAD(INVALID, hsm_parts_join, store, (NULL, token, length, &made.parts, &error));
    CLOSED(hsm_parts_join, store, (world.closed, token, length, &made.parts, &error));
    BAD(INVALID, hsm_parts_join, token, (world.store, NULL, length, &made.parts, &error));
    BAD(INVALID, hsm_parts_join, token, (world.store, "no token", 8, &made.parts, &error));
    BAD(INVALID, hsm_parts_join, token_length, (world.store, token, 0, &made.parts, &error));
    BAD(INVALID, hsm_parts_join, token_length, (world.store, token, length - 1, &made.parts, &error));
    BAD(INVALID, hsm_parts_join, token_length, (world.store, token, TOO_LONG, &made.parts, &error));
    BAD(INVALID, hsm_parts_join, parts_out, (world.store, token, length, NULL, &error));
    BAD(INVALID, hsm_parts_block_size, parts, (NULL, &out.number, &error));
    CLOSED(hsm_parts_block_size, parts, (closed, &out.number, &error));
    BAD(INVALID, hsm_parts_block_size, block_size_bytes_out, (parts, NULL, &error));

    receipt_length = one_part(parts, closed, closed_part, receipt);
    BAD(INVALID, hsm_parts_add_receipt, parts, (NULL, token, length, &error));
    CLOSED(hsm_parts_add_receipt, parts, (closed, token, length, &error));
    BAD(INVALID, hsm_parts_add_receipt, receipt, (parts, NULL, length, &error));
    BAD(INVALID, hsm_parts_add_receipt, receipt, (parts, token, length, &error));
    BAD(INVALID, hsm_parts_add_receipt, receipt_length, (parts, token, 0, &error));
    BAD(INVALID, hsm_parts_add_receipt, receipt_length, (parts, token, TOO_LONG, &error));
    BAD(INVALID, hsm_parts_add_receipt, receipt_length, (parts, receipt, receipt_length - 1, &error));
    FINE(hsm_parts_add_receipt, receipt, (parts, receipt, receipt_length, &error));
    BAD(INVALID, hsm_parts_commit, parts, (NULL, &out.put, sizeof out.put, &error));
    CLOSED(hsm_parts_commit, parts, (closed, &out.put, sizeof out.put, &error));
    BAD(INVALID, hsm_parts_commit, result_size, (parts, &out.put, 0, &error));
    FINE(hsm_parts_commit, result_out, (parts, NULL, 0, &error));
    CONSUMED(hsm_parts_token, parts, (parts, out.buffer, 128, &out.length, &error));
    CONSUMED(hsm_parts_block_size, parts, (parts, &out.number, &error));
    CONSUMED(hsm_parts_add_receipt, parts, (parts, token, length, &error));
    CONSUMED(hsm_parts_commit, parts, (parts, &out.put, sizeof out.put, &error));
    CONSUMED(hsm_part_begin, parts, (parts, 0, &made.part, &error));
    hsm_parts_free(parts);
}

/* `settled` was committed before its store was closed. */
static void batches(hsm_batch *closed, hsm_batch *settled)
{
    hsm_batch *batch = NULL;
    hsm_attributes *some = NULL;
    const hsm_id *id = &world.object, *set = &world.dataset;
    CHECK_OK(hsm_attributes_new(&some, &error));
    CHECK_OK(hsm_attributes_set(some, "a", 1, "b", 1, &error));
    PLAIN(hsm_batch_free, batch, (hsm_batch_free(NULL), 1));
    BAD(INVALID, hsm_batch_new, store, (NULL, 1, HSM_DURABLE, &made.batch, &error));
    CLOSED(hsm_batch_new, store, (world.closed, 1, HSM_DURABLE, &made.batch, &error));
    BAD(INVALID, hsm_batch_new, atomic, (world.store, -7, HSM_DURABLE, &made.batch, &error));
    BAD(INVALID, hsm_batch_new, durability, (world.store, 1, 2, &made.batch, &error));
    BAD(INVALID, hsm_batch_new, durability, (world.store, 1, -1, &made.batch, &error));
    BAD(INVALID, hsm_batch_new, batch_out, (world.store, 1, HSM_DURABLE, NULL, &error));

    CHECK_OK(hsm_batch_new(world.store, 0, HSM_DURABLE, &batch, &error));
    BAD(INVALID, hsm_batch_put, batch, (NULL, "bytes", 5, NULL, &error));
    CLOSED(hsm_batch_put, batch, (closed, "bytes", 5, NULL, &error));
    BAD(INVALID, hsm_batch_put, data, (batch, NULL, 5, NULL, &error));
    BAD(INVALID, hsm_batch_put, size, (batch, "bytes", TOO_LONG, NULL, &error));
    BAD(NOT_FOUND, hsm_batch_put, options, (batch, "bytes", 5, no_tier, &error));
    FINE(hsm_batch_put, options, (batch, "bytes", 5, NULL, &error));
    BAD(INVALID, hsm_batch_put_empty, batch, (NULL, NULL, &error));
    CLOSED(hsm_batch_put_empty, batch, (closed, NULL, &error));
    FINE(hsm_batch_put_empty, options, (batch, NULL, &error));
    BAD(INVALID, hsm_batch_set_attributes, batch, (NULL, id, some, &error));
    CLOSED(hsm_batch_set_attributes, batch, (closed, id, some, &error));
    BAD(INVALID, hsm_batch_set_attributes, id, (batch, NULL, some, &error));
    BAD(INVALID, hsm_batch_set_attributes, id, (batch, &zero, some, &error));
    BAD(INVALID, hsm_batch_set_attributes, attributes, (batch, id, NULL, &error));
    BAD(INVALID, hsm_batch_remove, batch, (NULL, id, &error));
    CLOSED(hsm_batch_remove, batch, (closed, id, &error));
    BAD(INVALID, hsm_batch_remove, id, (batch, NULL, &error));
    BAD(INVALID, hsm_batch_remove, id, (batch, &zero, &error));
    FINE(hsm_batch_remove, id, (batch, &world.unknown, &error));
    SAYS(INVALID, "already", hsm_batch_remove, id, (batch, &world.unknown, &error));
    BAD(INVALID, hsm_batch_move, batch, (NULL, id, 0, 1, &error));
    CLOSED(hsm_batch_move, batch, (closed, id, 0, 1, &error));
    BAD(INVALID, hsm_batch_move, id, (batch, NULL, 0, 1, &error));
    BAD(INVALID, hsm_batch_move, id, (batch, &zero, 0, 1, &error));
    BAD(INVALID, hsm_batch_move, source, (batch, id, -1, 1, &error));
    BAD(NOT_FOUND, hsm_batch_move, source, (batch, id, 77, 1, &error));
    BAD(INVALID, hsm_batch_move, target, (batch, id, 0, -1, &error));
    BAD(INVALID, hsm_batch_move, target, (batch, id, 0, 0, &error));
    BAD(NOT_FOUND, hsm_batch_move, target, (batch, id, 0, 77, &error));
    BAD(INVALID, hsm_batch_add_key, batch, (NULL, set, "new", 3, id, &error));
    CLOSED(hsm_batch_add_key, batch, (closed, set, "new", 3, id, &error));
    BAD(INVALID, hsm_batch_add_key, dataset, (batch, NULL, "new", 3, id, &error));
    BAD(INVALID, hsm_batch_add_key, dataset, (batch, &zero, "new", 3, id, &error));
    BAD(INVALID, hsm_batch_add_key, key, (batch, set, NULL, 3, id, &error));
    BAD(INVALID, hsm_batch_add_key, key, (batch, set, "n\0w", 3, id, &error));
    BAD(INVALID, hsm_batch_add_key, key_length, (batch, set, "new", 0, id, &error));
    BAD(INVALID, hsm_batch_add_key, key_length, (batch, set, "new", TOO_LONG, id, &error));
    BAD(INVALID, hsm_batch_add_key, id, (batch, set, "new", 3, NULL, &error));
    BAD(INVALID, hsm_batch_add_key, id, (batch, set, "new", 3, &zero, &error));
    BAD(INVALID, hsm_batch_count, batch, (NULL, &out.count, &error));
    FINE_CLOSED(hsm_batch_count, batch, (closed, &out.count, &error));
    BAD(INVALID, hsm_batch_count, count_out, (batch, NULL, &error));
    CHECK_OK(hsm_batch_count(batch, &out.count, &error));
    CHECK(out.count == 3);
    BAD(INVALID, hsm_batch_result, batch, (NULL, 0, &out.put, sizeof out.put, &error));
    FINE_CLOSED(hsm_batch_result, batch, (settled, 0, &out.put, sizeof out.put, &error));
    SAYS(INVALID, "before it is committed", hsm_batch_result, batch, (batch, 0, &out.put, sizeof out.put, &error));

    BAD(INVALID, hsm_batch_commit, batch, (NULL, &out.count, &error));
    CLOSED(hsm_batch_commit, batch, (closed, &out.count, &error));
    FINE(hsm_batch_commit, failed_out, (batch, &out.count, &error));
    CONSUMED(hsm_batch_put, batch, (batch, "bytes", 5, NULL, &error));
    CONSUMED(hsm_batch_put_empty, batch, (batch, NULL, &error));
    CONSUMED(hsm_batch_set_attributes, batch, (batch, id, some, &error));
    CONSUMED(hsm_batch_remove, batch, (batch, id, &error));
    CONSUMED(hsm_batch_move, batch, (batch, id, 0, 1, &error));
    CONSUMED(hsm_batch_add_key, batch, (batch, set, "new", 3, id, &error));
    CONSUMED(hsm_batch_commit, batch, (batch, &out.count, &error));
    FINE_CONSUMED(hsm_batch_count, batch, (batch, &out.count, &error));
    FINE_CONSUMED(hsm_batch_result, batch, (batch, 0, &out.put, sizeof out.put, &error));
    BAD(END, hsm_batch_result, index, (batch, 3, &out.put, sizeof out.put, &error));
    BAD(NOT_FOUND, hsm_batch_result, index, (batch, 2, &out.put, sizeof out.put, &error));
    FINE(hsm_batch_result, result_out, (batch, 0, NULL, 0, &error));
    BAD(INVALID, hsm_batch_result, result_size, (batch, 0, &out.put, 0, &error));
    hsm_batch_free(batch);

    /* Without a place for how many failed, the first failure is the answer. */
    CHECK_OK(hsm_batch_new(world.store, 0, HSM_DURABLE, &batch, &error));
    CHECK_OK(hsm_batch_remove(batch, &world.unknown, &error));
    BAD(NOT_FOUND, hsm_batch_commit, failed_out, (batch, NULL, &error));
    hsm_batch_free(batch);
    hsm_attributes_free(some);
}

int main(int argc, char **argv)
{
    hsm_writer *writer = NULL;
    hsm_parts *parts = NULL;
    hsm_part *part = NULL;
    hsm_batch *batch = NULL, *settled = NULL;
    open_world(argc, argv);
    CHECK_OK(hsm_put_options_new(&no_tier, &error));
    CHECK_OK(hsm_put_options_set_tier(no_tier, 77, &error));
    CHECK_OK(hsm_put_options_new(&no_set, &error));
    CHECK_OK(hsm_put_options_set_key(no_set, &world.unknown, "key", 3, &error));
    CHECK_OK(hsm_writer_open(world.closed, NULL, &writer, &error));
    CHECK_OK(hsm_parts_begin(world.closed, NULL, &parts, &error));
    CHECK_OK(hsm_part_begin(parts, 0, &part, &error));
    CHECK_OK(hsm_batch_new(world.closed, 0, HSM_DURABLE, &batch, &error));
    CHECK_OK(hsm_batch_new(world.closed, 0, HSM_DURABLE, &settled, &error));
    CHECK_OK(hsm_batch_put(settled, "bytes", 5, NULL, &error));
    CHECK_OK(hsm_batch_commit(settled, NULL, &error));
    look_at_store(&world.position, &world.listed, &world.sum);
    close_the_other();
    writers(writer);
    many_parts(parts, part);
    batches(batch, settled);
    hsm_writer_free(writer);
    hsm_part_free(part);
    hsm_parts_free(parts);
    hsm_batch_free(batch);
    hsm_batch_free(settled);
    hsm_put_options_free(no_tier);
    hsm_put_options_free(no_set);
    close_world();
    return 0;
}
