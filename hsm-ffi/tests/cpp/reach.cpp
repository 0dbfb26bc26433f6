// What hsm.hpp reaches besides the everyday: progress, names of objects, settings of tiers, all of an event.

#include <hsm.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "check.hpp"

namespace {

constexpr std::size_t large = 3 << 20;

void progress_is_told_and_stops(const hsm::store &store)
{
    const std::string content(large, 'l');
    std::map<std::int32_t, hsm_progress> last;
    {
        const auto alive = std::make_shared<int>(0);
        const auto watched = store.with_progress([&last, alive](const hsm_progress &progress) { // Returns nothing.
            last[progress.phase] = progress;
        });
        const auto put = watched.put(content);
        CHECK(last.at(HSM_PHASE_PUT).bytes_done == large);
        CHECK(watched.copy(put.id, 2) && last.at(HSM_PHASE_COPY).objects_total == 1);
        CHECK(alive.use_count() > 1);
        auto batch = watched.batch(); // What is made from it reports too.
        batch.put(content);
        last.clear();
        batch.commit();
        CHECK(last.at(HSM_PHASE_PUT).objects_total == 1);
        last.clear();
        store.put(content);
        CHECK(last.empty()); // The first handle is not followed.
    }

    // A number stops the call, and comes back.
    const std::function<std::int32_t(const hsm_progress &)> stop = [](const hsm_progress &progress) {
        return progress.bytes_done >= 1 << 20 ? 42 : 0;
    };
    const auto stopped = store.with_progress(stop);
    const auto before = store.last_position().number;
    try {
        stopped.put(content);
        CHECK(!"it is stopped");
    } catch (const hsm::error &error) {
        CHECK(error.status() == HSM_STATUS_CANCELLED && error.callback() == 42);
    }
    CHECK(store.last_position().number == before);
    CHECK(stopped.get_string(stopped.put("small").id) == "small"); // And the handle goes on.
}

/// Counts how many of it there are.
struct counted {
    explicit counted(int &count) : count_(&count) { ++*count_; }
    counted(const counted &other) : count_(other.count_) { ++*count_; }
    counted &operator=(const counted &) = delete;
    ~counted() { --*count_; }

private:
    int *count_;
};

void what_a_follower_throws_comes_to_its_caller(const hsm::store &store)
{
    const std::string content(large, 't');
    int alive = 0;
    {
        const auto throwing = store.with_progress([keep = counted(alive)](const hsm_progress &) {
            throw std::domain_error("mine");
        });
        CHECK(alive == 1);
        auto thrown = [](auto call) {
            try {
                call();
            } catch (const std::domain_error &error) {
                return std::string_view(error.what()) == "mine";
            }
            return false;
        };
        const auto before = store.last_position().number;
        CHECK(thrown([&] { throwing.put(content); }));
        CHECK(thrown([&] { throwing.put_stream([](void *, std::size_t) -> std::size_t { return 0; }); }));
        auto batch = throwing.batch();
        batch.put(content);
        CHECK(thrown([&] { batch.commit(); }));
        CHECK(store.last_position().number == before); // And nothing was stored.
        CHECK(throwing.store_id() == store.store_id()); // It is thrown once.

        // On each thread what was thrown there.
        std::thread other([&] { CHECK(thrown([&] { throwing.put(content); })); });
        other.join();
        CHECK(store.get_string(store.put("still").id) == "still");
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
    store.close();
    CHECK(status_of([&] { store.with_progress([keep = counted(alive)](const hsm_progress &) {}); }) ==
          HSM_STATUS_CLOSED);
    CHECK(alive == 0); // Also where there is no second handle.
}

void all_names_of_an_object(const hsm::store &store)
{
    const auto first = store.create_dataset("first"), second = store.create_dataset("second");
    const auto put = store.put("named", hsm::put_options().key(first, "a"));
    store.add_key(first, "b", put.id);
    store.add_key(second, std::string(200, 'c'), put.id);
    const auto names = store.names(put.id);
    CHECK(names.size() == 3);
    CHECK(names[0].dataset == first && names[0].key == "a" && names[1].key == "b");
    CHECK(names[2].dataset == second && names[2].key == std::string(200, 'c'));
    CHECK(store.names(store.put("none").id).empty());
    CHECK(status_of([&] { store.names(store.new_id()); }) == HSM_STATUS_NOT_FOUND);
}

void tiers_as_text(const hsm::store &store)
{
    store.add_tier(hsm::tier_settings(7).name("shelf").root("tiers/shelf"));
    CHECK(store.tier_name(7) == "shelf" && store.tier_root(7) == "tiers/shelf" && store.tier_name(0).empty());
    CHECK(status_of([&] { store.tier_name(8); }) == HSM_STATUS_NOT_FOUND);
    auto yaml = store.export_tiers();
    const auto at = yaml.find("shelf");
    CHECK(at != std::string::npos);
    yaml.replace(at, 5, "board");
    store.apply_tiers(yaml);
    CHECK(store.tier_name(7) == "board");
    CHECK(status_of([&] { store.apply_tiers("tiers: 3"); }) == HSM_STATUS_INVALID);
    CHECK(store.directory().find("/store") != std::string::npos);
    CHECK(hsm::attributes({{"a", "b"}}).remove("c").size() == 2);
}

void a_tape(const hsm::store &store)
{
    store.add_tier(hsm::tier_settings(11).delay(1, 2, 3, 60000, 2));
    CHECK(store.delay(11).drives == 2 && store.delay(11).seek_ms == 3 && store.delay(0).drives == 0);
    const auto put = store.put("on a tape", hsm::put_options().tier(11));
    CHECK(store.copy_state(put.id, 11).state == HSM_COPY_READABLE);
    CHECK(status_of([&] { store.copy_state(put.id, 0); }) == HSM_STATUS_NOT_FOUND);
    CHECK(store.estimate_recall({put.id}, 0, 9).bytes == 9 && store.estimate_recall({put.id}, 11).there == 1);
    CHECK(store.estimate_recall(hsm::query().tier(11), 0).objects == 1);
    store.remove(put.id);
}

void all_of_an_event(const hsm::store &store)
{
    const auto after = store.last_position();
    const auto dataset = store.create_dataset("told", {{"owner", "me"}});
    const auto put = store.put("told of", hsm::put_options().key(dataset, "key").add_digest("md5").tier(1));
    store.copy(put.id, 3);
    store.add_tier(hsm::tier_settings(9).name("ninth").capacity_bytes(12345678));
    std::size_t seen = 0;
    for (const auto &event : store.feed(after)) {
        switch (event.info().kind) {
        case HSM_EVENT_DATASET_CREATED:
            CHECK(event.name() == "told" && event.attributes().size() == 1 && !event.key() && !event.tier());
            ++seen;
            break;
        case HSM_EVENT_PUT:
            CHECK(event.key() == "key" && !event.name() && !event.value() && !event.settings());
            CHECK(event.copies().size() == 1 && event.copies()[0].tier == 1);
            CHECK(event.digests().size() == 1 && event.digests()[0].rfind("md5:", 0) == 0);
            ++seen;
            break;
        case HSM_EVENT_COPY_ADDED:
            CHECK(event.copies().size() == 1 && event.copies()[0].tier == 3 && event.digests().empty());
            ++seen;
            break;
        case HSM_EVENT_TIER_SET: {
            CHECK(event.name() == "ninth" && event.value() == "tiers/9");
            CHECK(event.tier()->tier == 9 && event.tier()->capacity_bytes == 12345678);
            const hsm::store copy(":memory:", hsm::store_options().add_tier(*event.settings()));
            CHECK(copy.tier(9).capacity_bytes == 12345678 && copy.tier_name(9) == "ninth");
            ++seen;
            break;
        }
        default:
            CHECK(!"another kind");
        }
    }
    CHECK(seen == 4);
}

void checks_and_what_they_find(const hsm::store &store, const std::string &directory)
{
    const auto put = store.put(std::string(large, 'c'), hsm::put_options().tier(4));
    CHECK(store.check().copies >= 1 && store.check().bad == 0);
    const auto scrubbed = store.scrub({}, 4);
    CHECK(scrubbed.whole == 1 && scrubbed.bad == 0);

    // The one file on the tier is damaged.
    for (const auto &entry : std::filesystem::recursive_directory_iterator(directory + "/store/tiers/4")) {
        if (entry.is_regular_file() && entry.file_size() > large) {
            std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(large / 2).put('x');
        }
    }
    CHECK(store.compact().objects == 0);
    CHECK(store.compact({}, 4, [](const hsm_finding &) {}).tiers_passed_over == 0);
    std::size_t found = 0;
    const auto bad = store.scrub({}, 4, [&](const hsm_finding &finding) {
        CHECK(finding.kind == HSM_FINDING_COPY && finding.fault == HSM_FAULT_DAMAGED && finding.object == put.id);
        ++found;
    });
    CHECK(found == 1 && bad.bad == 1 && bad.healed == 0);
    std::filesystem::remove_all(directory + "/store/tiers/4");
    found = 0;
    const auto checked = store.check({}, [&](const hsm_finding &finding) { found += finding.tier == 4; });
    CHECK(found == 1 && checked.out_of_reach == 1);
    try {
        store.check({}, [](const hsm_finding &) { throw std::domain_error("mine"); });
        CHECK(!"it throws");
    } catch (const std::domain_error &error) {
        CHECK(std::string_view(error.what()) == "mine");
    }
}

void many_objects_in_one_call(const hsm::store &store)
{
    std::vector<hsm::id> ids;
    for (const char *text : {"one", "two", "three"})
        ids.push_back(store.put(text).id);
    std::map<std::uint64_t, std::string> came;
    store.get(ids, [&](const hsm::delivery &delivery) {
        CHECK(delivery.status() == HSM_STATUS_OK && delivery.message().empty() && delivery.key().empty());
        CHECK(delivery.id() == ids[delivery.index()] && delivery.offset() == came[delivery.index()].size());
        came[delivery.index()] += delivery.data();
        CHECK(came[delivery.index()].size() <= delivery.size());
    });
    CHECK((came == std::map<std::uint64_t, std::string>{{0, "one"}, {1, "two"}, {2, "three"}}));
    std::size_t all = 0;
    store.get_all({}, [&](const hsm::delivery &delivery) { all += delivery.data() == "two"; });
    CHECK(all == 1);
    try {
        store.get_all({}, [](const hsm::delivery &) { throw std::domain_error("mine"); });
        CHECK(!"it throws");
    } catch (const std::domain_error &error) {
        CHECK(std::string_view(error.what()) == "mine");
    }
}

} // namespace

int main(int, char **arguments)
{
    const hsm::store store(std::string(arguments[1]) + "/store", hsm::store_options().create(HSM_CREATE_NEW));
    all_names_of_an_object(store);
    a_tape(store);
    tiers_as_text(store);
    all_of_an_event(store);
    checks_and_what_they_find(store, arguments[1]);
    many_objects_in_one_call(store);
    progress_is_told_and_stops(store);
    what_a_follower_throws_comes_to_its_caller(store);
}
