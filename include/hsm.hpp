/*
 * hsm.hpp: hsm for C++17, header only, over hsm.h.
 *
 * It adds what C++ has and C has not, and no feature of its own: handles that free themselves, exceptions in
 * place of statuses, ranges over cursors, views of bytes in and out, and callables as callbacks.
 *
 *     #include <hsm.hpp>
 *     #include <iostream>
 *
 *     int main()
 *     {
 *         hsm::store store("results");
 *         auto put = store.put("hello");
 *         store.copy(put.id, 3);                    // a synced and verified copy on tier 3
 *         store.release(put.id, 0);                 // and none on tier 0
 *         std::cout << store.get_string(put.id) << '\n';
 *         for (const auto &found : store.objects())
 *             std::cout << found.info().id << ' ' << found.info().size_bytes << '\n';
 *         store.close();
 *     }
 *
 * Rules:
 *
 * - A call that fails throws hsm::error, which says the status, the object and the tier it is about.
 *   Answers that are no errors (nothing more, too small) become std::optional, false, or the end of a range.
 * - Classes move and do not copy. What is const may be shared between threads, as hsm.h says it.
 * - A callable may throw: the library is left in order, and the exception goes on to the caller.
 * - Each class gives its handle by get(), for what hsm.h can do and this header does not say.
 */
#ifndef HSM_HPP
#define HSM_HPP

#include <hsm.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

inline bool operator==(const hsm_id &a, const hsm_id &b) noexcept
{
    return std::equal(a.bytes, a.bytes + 16, b.bytes);
}
inline bool operator!=(const hsm_id &a, const hsm_id &b) noexcept { return !(a == b); }
inline bool operator<(const hsm_id &a, const hsm_id &b) noexcept
{
    return std::lexicographical_compare(a.bytes, a.bytes + 16, b.bytes, b.bytes + 16);
}

namespace hsm {

using id = hsm_id;
using position = hsm_position;
using put_result = hsm_put_result;

/// A tier that is left to the store.
inline constexpr std::int32_t any_tier = -1;

/* ------------------------------------------------------------------ errors */

/// Why a call failed.
class error : public std::runtime_error {
public:
    /// Takes the error of a call over, and frees it.
    error(hsm_status status, hsm_error *from)
        : std::runtime_error(from ? hsm_error_message(from) : hsm_status_name(status)), status_(status),
          tier_(hsm_error_tier(from)), callback_(hsm_error_callback(from))
    {
        hsm_id about;
        if (hsm_error_object(from, &about))
            object_ = about;
        hsm_error_free(from);
    }

    /// One of HSM_STATUS_*: choose by this what to do.
    hsm_status status() const noexcept { return status_; }
    /// The object it is about, if it is about one.
    const std::optional<id> &object() const noexcept { return object_; }
    /// The tier it is about; -1 where it is about none.
    std::int32_t tier() const noexcept { return tier_; }
    /// What a callback returned that stopped the call; 0 where none did.
    std::int32_t callback() const noexcept { return callback_; }

private:
    hsm_status status_;
    std::optional<id> object_;
    std::int32_t tier_;
    std::int32_t callback_;
};

namespace detail {

/// What a callable that follows a store threw on this thread, until the call that it stopped has come back.
inline std::exception_ptr &thrown_by_follower() noexcept
{
    thread_local std::exception_ptr thrown;
    return thrown;
}

/// Throws unless a call answered OK, or an answer that is no error. Gives back what it answered.
/// `from` is a reference: the call that sets it may stand beside it among the arguments, in either order.
inline hsm_status check(hsm_status status, hsm_error *const &from)
{
    if (thrown_by_follower()) {
        hsm_error_free(from);
        std::rethrow_exception(std::exchange(thrown_by_follower(), nullptr));
    }
    if (status >= 16)
        throw error(status, from);
    return status;
}

/// Calls `function` with the arguments and a place for an error.
template <typename Function, typename... Arguments>
hsm_status call(Function function, Arguments... arguments)
{
    hsm_error *from = nullptr;
    const hsm_status status = function(arguments..., &from);
    return check(status, from);
}

template <typename T, void (*Free)(T *)> struct freer {
    void operator()(T *handle) const noexcept { Free(handle); }
};
template <typename T, void (*Free)(T *)> using owned = std::unique_ptr<T, freer<T, Free>>;

/// Text that a call writes into a buffer, however long it is. `empty_at_end`: END means that there is none.
template <typename Call> std::optional<std::string> text(Call call)
{
    std::string buffer(128, '\0');
    for (;;) {
        std::size_t length = 0;
        hsm_error *from = nullptr;
        const hsm_status status = check(call(&buffer[0], buffer.size(), &length, &from), from);
        if (status == HSM_STATUS_END)
            return std::nullopt;
        const bool fits = status == HSM_STATUS_OK;
        buffer.resize(fits ? length : length + 1);
        if (fits)
            return buffer;
    }
}

/// Takes over a handle that a call hands out as its last argument before the place for an error.
template <typename T, void (*Free)(T *), typename Function, typename... Arguments>
hsm_status make(owned<T, Free> &into, Function function, Arguments... arguments)
{
    T *handle = nullptr;
    hsm_error *from = nullptr;
    const hsm_status status = function(arguments..., &handle, &from);
    into.reset(handle);
    return check(status, from);
}

inline std::string_view view(const std::uint8_t *data, std::size_t size)
{
    return {reinterpret_cast<const char *>(data), size};
}

} // namespace detail

/* ----------------------------------------------------------------------- ids */

/// An id as 8-4-4-4-12 hexadecimal digits.
inline std::string to_string(const id &value)
{
    char text[HSM_ID_TEXT_SIZE];
    detail::call(hsm_id_format, &value, static_cast<char *>(text), sizeof text);
    return text;
}

/// The id that a text says; throws where it says none.
inline id parse_id(std::string_view text)
{
    id value;
    detail::call(hsm_id_parse, text.data(), text.size(), &value);
    return value;
}

/* -------------------------------------------------------------- bytes in, out */

/// Bytes that are read: made from a string, a vector, an array, or a pointer and a size in bytes.
class bytes {
public:
    bytes(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}
    bytes(const char *text) : data_(text), size_(std::char_traits<char>::length(text)) {}
    template <typename C, typename V = std::remove_pointer_t<decltype(std::declval<const C &>().data())>,
              typename = std::enable_if_t<std::is_trivially_copyable_v<V>>>
    bytes(const C &container) noexcept
        : data_(container.data()), size_(container.size() * sizeof(V))
    {
    }

    const void *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    const void *data_;
    std::size_t size_;
};

/// Bytes that are written to: made from a vector, an array, or a pointer and a size in bytes.
class buffer {
public:
    buffer(void *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <typename C, typename V = std::remove_pointer_t<decltype(std::declval<C &>().data())>,
              typename = std::enable_if_t<std::is_trivially_copyable_v<V> && !std::is_const_v<V>>>
    buffer(C &container) noexcept : data_(container.data()), size_(container.size() * sizeof(V))
    {
    }

    void *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    void *data_;
    std::size_t size_;
};

namespace detail {

/// A callable that C calls back, and what it threw: kept while C code is on the stack, thrown again behind it.
template <typename Callable> class callback {
public:
    explicit callback(Callable &callable) : callable_(callable) {}

    template <typename... Arguments> std::int32_t operator()(Arguments &&...arguments) noexcept
    {
        try {
            return callable_(std::forward<Arguments>(arguments)...);
        } catch (...) {
            thrown_ = std::current_exception();
            return -1;
        }
    }

    /// Checks what the call answered that called back: what was thrown comes before that.
    hsm_status check(hsm_status status, hsm_error *const &from)
    {
        if (thrown_) {
            hsm_error_free(from);
            std::rethrow_exception(thrown_);
        }
        return detail::check(status, from);
    }

private:
    Callable &callable_;
    std::exception_ptr thrown_;
};

} // namespace detail

namespace detail {

/// A record as this header knows it. That of the library may be shorter, or longer.
template <typename Record> Record known(const Record *record, std::size_t size) noexcept
{
    Record known = {};
    std::memcpy(&known, record, std::min(size, sizeof known));
    return known;
}

/// A callable that follows a store, as C calls and destroys it.
template <typename Follow> struct follower {
    Follow follow;

    static std::int32_t call(void *user_data, const hsm_progress *progress, std::size_t size) noexcept
    {
        try {
            const hsm_progress now = known(progress, size);
            auto &follow = static_cast<follower *>(user_data)->follow;
            if constexpr (std::is_void_v<decltype(follow(now))>) {
                follow(now);
                return 0;
            } else {
                static_assert(!std::is_same_v<decltype(follow(now)), bool>, "a number: 0 to go on");
                return follow(now);
            }
        } catch (...) {
            thrown_by_follower() = std::current_exception();
            return -1;
        }
    }
    static void destroy(void *user_data) noexcept { delete static_cast<follower *>(user_data); }
};

} // namespace detail

/* ------------------------------------------------------- attributes and settings */

/// Attributes of an object or a dataset, or changes to them.
class attributes {
public:
    attributes() { detail::make(handle_, hsm_attributes_new); }
    attributes(std::initializer_list<std::pair<std::string_view, std::string_view>> all) : attributes()
    {
        for (const auto &[name, value] : all)
            set(name, value);
    }

    attributes &set(std::string_view name, bytes value)
    {
        detail::call(hsm_attributes_set, get(), name.data(), name.size(), value.data(), value.size());
        return *this;
    }
    /// In a change: the attribute goes.
    attributes &remove(std::string_view name)
    {
        detail::call(hsm_attributes_remove, get(), name.data(), name.size());
        return *this;
    }

    /// In a change: only where the attribute has this value then.
    attributes &expect(std::string_view name, bytes value)
    {
        // A value of no bytes has an address too: none would say that there is no such attribute.
        const void *start = value.size() == 0 ? "" : value.data();
        detail::call(hsm_attributes_expect, get(), name.data(), name.size(), start, value.size());
        return *this;
    }
    /// In a change: only where there is no such attribute then.
    attributes &expect_none(std::string_view name)
    {
        detail::call(hsm_attributes_expect, get(), name.data(), name.size(), nullptr, 0);
        return *this;
    }

    /// How many there are, removals included.
    std::size_t size() const
    {
        std::size_t count = 0;
        detail::call(hsm_attributes_count, get(), &count);
        return count;
    }

    hsm_attributes *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_attributes, hsm_attributes_free> handle_;
};

/// One attribute; its views live as long as what they were taken from. No value: it is removed.
struct attribute {
    std::string_view name;
    std::optional<std::string_view> value;
};

namespace detail {

inline std::vector<attribute> list(const hsm_attributes *from)
{
    std::vector<attribute> all;
    for (std::size_t index = 0;; ++index) {
        const std::uint8_t *name = nullptr, *value = nullptr;
        std::size_t name_length = 0, value_length = 0;
        if (call(hsm_attributes_at, from, index, &name, &name_length, &value, &value_length) == HSM_STATUS_END)
            return all;
        std::optional<std::string_view> shown;
        if (value != nullptr)
            shown = view(value, value_length);
        all.push_back({view(name, name_length), shown});
    }
}

inline std::optional<std::string_view> find(const hsm_attributes *from, std::string_view name)
{
    const std::uint8_t *value = nullptr;
    std::size_t length = 0;
    hsm_error *why = nullptr;
    const hsm_status status = hsm_attributes_get(from, name.data(), name.size(), &value, &length, &why);
    if (status == HSM_STATUS_NOT_FOUND) {
        hsm_error_free(why);
        return std::nullopt;
    }
    check(status, why);
    return view(value, length);
}

} // namespace detail

/// The settings of a tier.
class tier_settings {
public:
    explicit tier_settings(std::int32_t tier) { detail::make(handle_, hsm_tier_settings_new, tier); }
    /// Takes a handle over.
    explicit tier_settings(detail::owned<hsm_tier_settings, hsm_tier_settings_free> handle) noexcept
        : handle_(std::move(handle))
    {
    }

    tier_settings &root(std::string_view path)
    {
        detail::call(hsm_tier_settings_set_root, get(), path.data(), path.size());
        return *this;
    }
    tier_settings &backend(std::int32_t backend)
    {
        detail::call(hsm_tier_settings_set_backend, get(), backend);
        return *this;
    }
    tier_settings &name(std::string_view name)
    {
        detail::call(hsm_tier_settings_set_name, get(), name.data(), name.size());
        return *this;
    }
    tier_settings &access(std::int32_t access)
    {
        detail::call(hsm_tier_settings_set_access, get(), access);
        return *this;
    }
    tier_settings &delay(std::uint64_t latency_ms, std::uint64_t mount_ms, std::uint64_t seek_ms,
                         std::uint64_t readable_ms, std::int32_t drives)
    {
        detail::call(hsm_tier_settings_set_delay, get(), latency_ms, mount_ms, seek_ms, readable_ms, drives);
        return *this;
    }
    tier_settings &capacity_bytes(std::uint64_t bytes)
    {
        detail::call(hsm_tier_settings_set_capacity_bytes, get(), bytes);
        return *this;
    }
    tier_settings &pack_threshold_bytes(std::uint64_t bytes)
    {
        detail::call(hsm_tier_settings_set_pack_threshold_bytes, get(), bytes);
        return *this;
    }
    tier_settings &pack_size_bytes(std::uint64_t bytes)
    {
        detail::call(hsm_tier_settings_set_pack_size_bytes, get(), bytes);
        return *this;
    }
    tier_settings &watermarks_percent(std::int32_t low, std::int32_t high)
    {
        detail::call(hsm_tier_settings_set_watermarks_percent, get(), low, high);
        return *this;
    }

    hsm_tier_settings *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_tier_settings, hsm_tier_settings_free> handle_;
};

/// How a store is opened.
class store_options {
public:
    store_options() { detail::make(handle_, hsm_store_options_new); }

    store_options &create(std::int32_t create)
    {
        detail::call(hsm_store_options_set_create, get(), create);
        return *this;
    }
    store_options &read_only(bool on = true)
    {
        detail::call(hsm_store_options_set_read_only, get(), std::int32_t(on));
        return *this;
    }
    store_options &exclusive(bool on = true)
    {
        detail::call(hsm_store_options_set_exclusive, get(), std::int32_t(on));
        return *this;
    }
    store_options &patience_ms(std::uint64_t ms)
    {
        detail::call(hsm_store_options_set_patience_ms, get(), ms);
        return *this;
    }
    store_options &grace_ms(std::uint64_t ms)
    {
        detail::call(hsm_store_options_set_grace_ms, get(), ms);
        return *this;
    }
    store_options &index_directory(std::string_view path)
    {
        detail::call(hsm_store_options_set_index_directory, get(), path.data(), path.size());
        return *this;
    }
    store_options &index_in_memory()
    {
        detail::call(hsm_store_options_set_index_in_memory, get());
        return *this;
    }
    store_options &segment_bytes(std::uint64_t bytes)
    {
        detail::call(hsm_store_options_set_segment_bytes, get(), bytes);
        return *this;
    }
    store_options &reserve_bytes(std::uint64_t bytes)
    {
        detail::call(hsm_store_options_set_reserve_bytes, get(), bytes);
        return *this;
    }
    /// Adds the root of a tier to rebuild from: for store::rebuild() alone.
    store_options &add_root(std::string_view path)
    {
        detail::call(hsm_store_options_add_root, get(), path.data(), path.size());
        return *this;
    }
    /// Where the root of a tier lies now: for store::restore() alone.
    store_options &root(std::int32_t tier, std::string_view path)
    {
        detail::call(hsm_store_options_set_root, get(), tier, path.data(), path.size());
        return *this;
    }
    store_options &add_tier(const tier_settings &settings)
    {
        detail::call(hsm_store_options_add_tier, get(), settings.get());
        return *this;
    }

    hsm_store_options *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_store_options, hsm_store_options_free> handle_;
};

/// What to put where.
class put_options {
public:
    put_options() { detail::make(handle_, hsm_put_options_new); }

    put_options &object(const id &object)
    {
        detail::call(hsm_put_options_set_id, get(), &object);
        return *this;
    }
    put_options &key(const id &dataset, bytes key)
    {
        detail::call(hsm_put_options_set_key, get(), &dataset, key.data(), key.size());
        return *this;
    }
    put_options &mode(std::int32_t mode)
    {
        detail::call(hsm_put_options_set_mode, get(), mode);
        return *this;
    }
    put_options &expect_generation(std::uint64_t generation)
    {
        detail::call(hsm_put_options_expect_generation, get(), generation);
        return *this;
    }
    put_options &tier(std::int32_t tier)
    {
        detail::call(hsm_put_options_set_tier, get(), tier);
        return *this;
    }
    put_options &attributes(const hsm::attributes &attributes)
    {
        detail::call(hsm_put_options_set_attributes, get(), attributes.get());
        return *this;
    }
    put_options &add_digest(std::string_view algorithm)
    {
        detail::call(hsm_put_options_add_digest, get(), algorithm.data(), algorithm.size());
        return *this;
    }
    put_options &expect_digest(std::string_view digest)
    {
        detail::call(hsm_put_options_expect_digest, get(), digest.data(), digest.size());
        return *this;
    }
    put_options &durability(std::int32_t durability)
    {
        detail::call(hsm_put_options_set_durability, get(), durability);
        return *this;
    }
    put_options &block_size_bytes(std::uint64_t bytes)
    {
        detail::call(hsm_put_options_set_block_size_bytes, get(), bytes);
        return *this;
    }
    put_options &size_hint_bytes(std::uint64_t bytes)
    {
        detail::call(hsm_put_options_set_size_hint_bytes, get(), bytes);
        return *this;
    }

    hsm_put_options *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_put_options, hsm_put_options_free> handle_;
};

/// Which objects to list.
class query {
public:
    query() { detail::make(handle_, hsm_query_new); }

    query &dataset(const id &dataset)
    {
        detail::call(hsm_query_set_dataset, get(), &dataset);
        return *this;
    }
    query &key_prefix(bytes prefix)
    {
        detail::call(hsm_query_set_key_prefix, get(), prefix.data(), prefix.size());
        return *this;
    }
    query &tier(std::int32_t tier)
    {
        detail::call(hsm_query_set_tier, get(), tier);
        return *this;
    }
    query &not_on_tier(std::int32_t tier)
    {
        detail::call(hsm_query_set_not_on_tier, get(), tier);
        return *this;
    }
    query &size_range(std::uint64_t min, std::uint64_t max)
    {
        detail::call(hsm_query_set_size_range, get(), min, max);
        return *this;
    }
    query &created_range_ns(std::int64_t from, std::int64_t before)
    {
        detail::call(hsm_query_set_created_range_ns, get(), from, before);
        return *this;
    }
    query &modified_range_ns(std::int64_t from, std::int64_t before)
    {
        detail::call(hsm_query_set_modified_range_ns, get(), from, before);
        return *this;
    }
    /// Last read, or changed where that was later.
    query &accessed_range_ns(std::int64_t from, std::int64_t before)
    {
        detail::call(hsm_query_set_accessed_range_ns, get(), from, before);
        return *this;
    }
    query &attribute(std::string_view name)
    {
        const void *any = nullptr;
        detail::call(hsm_query_set_attribute, get(), name.data(), name.size(), any, std::size_t(0));
        return *this;
    }
    query &attribute(std::string_view name, bytes value)
    {
        const void *data = value.data() == nullptr ? "" : value.data();
        detail::call(hsm_query_set_attribute, get(), name.data(), name.size(), data, value.size());
        return *this;
    }
    /// That changed behind this change: behind a gap in the feed.
    query &changed_after(std::uint64_t number)
    {
        detail::call(hsm_query_set_changed_after, get(), number);
        return *this;
    }
    query &removed(bool on = true)
    {
        detail::call(hsm_query_set_removed, get(), std::int32_t(on));
        return *this;
    }

    hsm_query *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_query, hsm_query_free> handle_;
};

/* -------------------------------------------------------------- what is known */

/// What the store knows of an object, lent: it lives as long as what lent it.
class object_view {
public:
    explicit object_view(const hsm_object *object = nullptr) noexcept : object_(object) {}

    hsm_object_info info() const
    {
        hsm_object_info info;
        detail::call(hsm_object_stat, object_, &info, sizeof info);
        return info;
    }
    std::vector<hsm_copy_info> copies() const
    {
        std::vector<hsm_copy_info> all;
        hsm_copy_info copy;
        while (detail::call(hsm_object_copy_at, object_, all.size(), &copy, sizeof copy) != HSM_STATUS_END)
            all.push_back(copy);
        return all;
    }
    /// As "algorithm:value".
    std::vector<std::string> digests() const
    {
        std::vector<std::string> all;
        while (auto digest = detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
                   return hsm_object_digest_at(object_, all.size(), text, size, length, from);
               }))
            all.push_back(std::move(*digest));
        return all;
    }
    std::vector<hsm::attribute> attributes() const { return detail::list(raw_attributes()); }
    std::optional<std::string_view> attribute(std::string_view name) const
    {
        return detail::find(raw_attributes(), name);
    }
    /// The key of its first name, if it has one.
    std::optional<std::string_view> key() const
    {
        const std::uint8_t *key = nullptr;
        std::size_t length = 0;
        if (detail::call(hsm_object_key, object_, &key, &length) == HSM_STATUS_END)
            return std::nullopt;
        return detail::view(key, length);
    }

    const hsm_object *get() const noexcept { return object_; }

private:
    const hsm_attributes *raw_attributes() const
    {
        const hsm_attributes *lent = nullptr;
        detail::call(hsm_object_attributes, object_, &lent);
        return lent;
    }

    const hsm_object *object_;
};

/// One name of an object: a key in a dataset.
struct name {
    hsm::id dataset;
    std::string key;
};

/// What the store knew of an object when it was asked.
class object : public object_view {
public:
    explicit object(detail::owned<hsm_object, hsm_object_free> handle) noexcept
        : object_view(handle.get()), handle_(std::move(handle))
    {
    }

private:
    detail::owned<hsm_object, hsm_object_free> handle_;
};

/// What the store knew of a dataset when it was asked.
class dataset {
public:
    explicit dataset(detail::owned<hsm_dataset, hsm_dataset_free> handle) noexcept : handle_(std::move(handle)) {}

    hsm_dataset_info info() const
    {
        hsm_dataset_info info;
        detail::call(hsm_dataset_stat, get(), &info, sizeof info);
        return info;
    }
    hsm::id id() const { return info().id; }
    std::string_view name() const
    {
        const char *name = nullptr;
        std::size_t length = 0;
        detail::call(hsm_dataset_name, get(), &name, &length);
        return {name, length};
    }
    std::vector<attribute> attributes() const
    {
        const hsm_attributes *lent = nullptr;
        detail::call(hsm_dataset_attributes, get(), &lent);
        return detail::list(lent);
    }

    const hsm_dataset *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_dataset, hsm_dataset_free> handle_;
};

namespace detail {

/// A range that is read once, from front to back. `Source` has `bool advance()` and `value()`.
template <typename Source> class range {
public:
    explicit range(Source source) : source_(std::move(source)) {}

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = typename Source::value_type;
        using difference_type = std::ptrdiff_t;
        using pointer = const value_type *;
        using reference = const value_type &;

        explicit iterator(Source *source = nullptr) : source_(source) { ++*this; }
        reference operator*() const { return source_->value(); }
        pointer operator->() const { return &source_->value(); }
        iterator &operator++()
        {
            if (source_ != nullptr && !source_->advance())
                source_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(const iterator &other) const noexcept { return source_ == other.source_; }
        bool operator!=(const iterator &other) const noexcept { return source_ != other.source_; }

    private:
        Source *source_;
    };

    /// Begins, or goes on where an earlier loop stopped.
    iterator begin() { return iterator(&source_); }
    iterator end() { return iterator(); }
    Source &source() noexcept { return source_; }

private:
    Source source_;
};

} // namespace detail

/// One object of a listing, with the key it was found under. Lives until the next one is taken.
class listed : public object_view {
public:
    listed() = default;
    listed(const hsm_object *object, std::string_view key) noexcept : object_view(object), key_(key) {}

    /// Empty outside a dataset.
    std::string_view key() const noexcept { return key_; }

private:
    std::string_view key_;
};

/// The objects that a query finds: `for (const auto &found : store.objects(query))`.
class cursor {
public:
    using value_type = listed;

    explicit cursor(detail::owned<hsm_cursor, hsm_cursor_free> handle) noexcept : handle_(std::move(handle)) {}

    bool advance()
    {
        const hsm_object *object = nullptr;
        const std::uint8_t *key = nullptr;
        std::size_t length = 0;
        if (detail::call(hsm_cursor_next, get(), &object, &key, &length) == HSM_STATUS_END)
            return false;
        value_ = listed(object, detail::view(key, length));
        return true;
    }
    const listed &value() const noexcept { return value_; }

    hsm_cursor *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_cursor, hsm_cursor_free> handle_;
    listed value_;
};

/// One change. Lives until the next one is taken.
class event {
public:
    explicit event(const hsm_event *event = nullptr) noexcept : event_(event) {}

    hsm_event_info info() const
    {
        hsm_event_info info;
        detail::call(hsm_event_stat, event_, &info, sizeof info);
        return info;
    }
    std::vector<attribute> attributes() const
    {
        const hsm_attributes *lent = nullptr;
        detail::call(hsm_event_attributes, event_, &lent);
        return detail::list(lent);
    }
    std::vector<hsm_copy_info> copies() const
    {
        std::vector<hsm_copy_info> all;
        hsm_copy_info copy;
        while (detail::call(hsm_event_copy_at, event_, all.size(), &copy, sizeof copy) != HSM_STATUS_END)
            all.push_back(copy);
        return all;
    }
    /// As "algorithm:value".
    std::vector<std::string> digests() const
    {
        std::vector<std::string> all;
        while (auto digest = detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
                   return hsm_event_digest_at(event_, all.size(), text, size, length, from);
               }))
            all.push_back(std::move(*digest));
        return all;
    }
    std::optional<std::string_view> key() const { return lent(hsm_event_key); }
    /// Of the dataset that was created, of the tier, or of the setting.
    std::optional<std::string_view> name() const { return lent(hsm_event_name); }
    /// Of the setting that changed, or the root of the tier.
    std::optional<std::string_view> value() const { return lent(hsm_event_value); }
    /// What the tier is like after it; its objects, its bytes and whether it is online are 0.
    std::optional<hsm_tier_info> tier() const
    {
        hsm_tier_info info;
        hsm_tier_settings **no_settings = nullptr;
        if (detail::call(hsm_event_tier, event_, &info, sizeof info, no_settings) == HSM_STATUS_END)
            return std::nullopt;
        return info;
    }
    /// The settings of the tier after it.
    std::optional<tier_settings> settings() const
    {
        hsm_tier_info info;
        detail::owned<hsm_tier_settings, hsm_tier_settings_free> handle;
        if (detail::make(handle, hsm_event_tier, event_, &info, sizeof info) == HSM_STATUS_END)
            return std::nullopt;
        return tier_settings(std::move(handle));
    }

    const hsm_event *get() const noexcept { return event_; }

private:
    template <typename Function> std::optional<std::string_view> lent(Function function) const
    {
        const std::uint8_t *data = nullptr;
        std::size_t length = 0;
        if (detail::call(function, event_, &data, &length) == HSM_STATUS_END)
            return std::nullopt;
        return detail::view(data, length);
    }

    const hsm_event *event_;
};

/// The changes behind a position, up to the last there is. Asked again, it goes on with those that came since.
class feed {
public:
    using value_type = event;

    explicit feed(detail::owned<hsm_feed, hsm_feed_free> handle) noexcept : handle_(std::move(handle)) {}

    bool advance()
    {
        const hsm_event *next = nullptr;
        if (detail::call(hsm_feed_next, get(), &next) == HSM_STATUS_END)
            return false;
        value_ = event(next);
        return true;
    }
    const event &value() const noexcept { return value_; }
    /// Of the last change that was taken.
    hsm::position position() const
    {
        hsm::position position;
        detail::call(hsm_feed_position, get(), &position);
        return position;
    }

    hsm_feed *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_feed, hsm_feed_free> handle_;
    event value_;
};

/// How an action is to be run, and for whom.
class action_options {
public:
    action_options() { detail::make(handle_, hsm_action_options_new); }

    /// The id of the action: submitted again under it, it is one action.
    action_options &id(const hsm::id &id)
    {
        detail::call(hsm_action_options_set_id, get(), &id);
        return *this;
    }
    action_options &group(const hsm::id &group)
    {
        detail::call(hsm_action_options_set_group, get(), &group);
        return *this;
    }
    /// The action comes after this one, and after all others that are added.
    action_options &after(const hsm::id &id)
    {
        detail::call(hsm_action_options_add_after, get(), &id);
        return *this;
    }
    action_options &priority(std::int32_t priority)
    {
        detail::call(hsm_action_options_set_priority, get(), priority);
        return *this;
    }
    action_options &owner(std::string_view owner)
    {
        detail::call(hsm_action_options_set_owner, get(), owner.data(), owner.size());
        return *this;
    }
    action_options &reason(std::string_view reason)
    {
        detail::call(hsm_action_options_set_reason, get(), reason.data(), reason.size());
        return *this;
    }
    action_options &deadline_ns(std::int64_t deadline_ns)
    {
        detail::call(hsm_action_options_set_deadline_ns, get(), deadline_ns);
        return *this;
    }
    /// How HSM_ACTION_ADOPT adopts its file: a sum of HSM_ADOPT_COPY_ALLOWED and HSM_ADOPT_REMOVE_SOURCE.
    action_options &adoption(std::int32_t how)
    {
        detail::call(hsm_action_options_set_adoption, get(), how);
        return *this;
    }
    /// The file outside of the store that a put or an adoption reads and a get writes.
    action_options &path(std::string_view path)
    {
        detail::call(hsm_action_options_set_path, get(), path.data(), path.size());
        return *this;
    }
    /// A digest that the bytes of a put or get must have, such as "crc32c:e3069283".
    action_options &expect_digest(std::string_view digest)
    {
        detail::call(hsm_action_options_expect_digest, get(), digest.data(), digest.size());
        return *this;
    }
    action_options &attempts_max(std::uint32_t attempts_max)
    {
        detail::call(hsm_action_options_set_attempts_max, get(), attempts_max);
        return *this;
    }

    hsm_action_options *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_action_options, hsm_action_options_free> handle_;
};

/// A subscriber: a name with a durable position in the feed.
struct subscriber {
    std::string name;
    hsm_subscriber_info info;
};

/// Follows a store: waits for events, is woken, acknowledges. A loop over it goes on for ever, or until a wait is over.
class subscription {
public:
    using value_type = event;

    explicit subscription(detail::owned<hsm_subscription, hsm_subscription_free> handle) noexcept
        : handle_(std::move(handle))
    {
    }

    /// Hands out events of this kind, and of those that were added before. Set before the first event.
    subscription &add_kind(std::int32_t kind)
    {
        detail::call(hsm_subscription_add_kind, get(), kind);
        return *this;
    }
    /// Hands out no events of this kind; where none was added, those of all others.
    subscription &leave_out_kind(std::int32_t kind)
    {
        detail::call(hsm_subscription_leave_out_kind, get(), kind);
        return *this;
    }
    subscription &dataset(const id &dataset)
    {
        detail::call(hsm_subscription_set_dataset, get(), &dataset);
        return *this;
    }
    subscription &attribute(std::string_view name)
    {
        detail::call(hsm_subscription_set_attribute, get(), name.data(), name.size(), nullptr, 0);
        return *this;
    }
    subscription &attribute(std::string_view name, std::string_view value)
    {
        detail::call(hsm_subscription_set_attribute, get(), name.data(), name.size(), value.data(), value.size());
        return *this;
    }
    /// How long a loop waits for an event; -1, the default: for as long as it takes.
    subscription &timeout_ms(std::int32_t timeout_ms) noexcept
    {
        timeout_ms_ = timeout_ms;
        return *this;
    }

    /// Takes the next event, or the gap before it; `false`: the time is over.
    bool advance()
    {
        const hsm_event *next = nullptr;
        hsm_status status = detail::call(hsm_subscription_next, get(), timeout_ms_, &next);
        if (status == HSM_STATUS_TIMEOUT)
            return false;
        is_gap_ = status == HSM_STATUS_GAP;
        value_ = event(next);
        return true;
    }
    /// For loops: each step takes the next event, or ends where the time is over.
    auto begin() { return typename detail::range<subscription>::iterator(this); }
    auto end() { return typename detail::range<subscription>::iterator(); }
    /// Whether events are missing in place of the next one: gap() says which, and value() has none.
    bool is_gap() const noexcept { return is_gap_; }
    const event &value() const noexcept { return value_; }
    /// The first and the last change that cannot be had.
    std::pair<hsm::position, hsm::position> gap() const
    {
        std::pair<hsm::position, hsm::position> gap;
        detail::call(hsm_subscription_gap, get(), &gap.first, &gap.second);
        return gap;
    }
    /// Up to where events were handed out.
    hsm::position position() const
    {
        hsm::position position;
        detail::call(hsm_subscription_position, get(), &position);
        return position;
    }
    /// What was acknowledged last; none without a name.
    std::optional<hsm::position> acked() const
    {
        hsm::position position;
        if (detail::call(hsm_subscription_acked, get(), &position) == HSM_STATUS_END)
            return std::nullopt;
        return position;
    }
    /// Acknowledges all that was handed out.
    void ack(std::int32_t durability = HSM_DURABLE)
    {
        detail::call(hsm_subscription_ack, get(), static_cast<const hsm_position *>(nullptr), durability);
    }
    void ack(const hsm::position &position, std::int32_t durability = HSM_DURABLE)
    {
        detail::call(hsm_subscription_ack, get(), &position, durability);
    }
    /// For poll(): readable when there may be an event.
    std::int32_t descriptor()
    {
        std::int32_t descriptor = -1;
        detail::call(hsm_subscription_descriptor, get(), &descriptor);
        return descriptor;
    }

    hsm_subscription *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_subscription, hsm_subscription_free> handle_;
    event value_;
    std::int32_t timeout_ms_ = -1;
    bool is_gap_ = false;
};

/// A subscriber that writes a file of YAML which other programs follow.
class sink {
public:
    explicit sink(detail::owned<hsm_sink, hsm_sink_free> handle) noexcept : handle_(std::move(handle)) {}

    /// Writes what is there, or waits for it; how many documents it wrote, 0: nothing came in time.
    std::uint64_t pump(std::int32_t timeout_ms = -1)
    {
        std::uint64_t documents = 0;
        detail::call(hsm_sink_pump, get(), timeout_ms, &documents);
        return documents;
    }

    hsm_sink *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_sink, hsm_sink_free> handle_;
};

/* ------------------------------------------------------------ readers and writers */

/// An object open for reading: one generation, whatever happens to the object meanwhile.
class reader {
public:
    explicit reader(detail::owned<hsm_reader, hsm_reader_free> handle) noexcept : handle_(std::move(handle)) {}

    /// The object as it was when it was opened; lent by the reader.
    object_view object() const
    {
        const hsm_object *lent = nullptr;
        detail::call(hsm_reader_object, get(), &lent);
        return object_view(lent);
    }
    /// Reads on. 0: the end.
    std::size_t read(buffer into)
    {
        std::size_t read = 0;
        const auto status = detail::call(hsm_reader_read, get(), into.data(), into.size(), &read);
        return status == HSM_STATUS_END ? 0 : read;
    }
    /// Reads from an offset in bytes on; short only at the end.
    std::size_t read_at(std::uint64_t offset, buffer into)
    {
        std::size_t read = 0;
        detail::call(hsm_reader_read_at, get(), offset, into.data(), into.size(), &read);
        return read;
    }

    hsm_reader *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_reader, hsm_reader_free> handle_;
};

/// A put whose bytes come piece by piece. Destroyed before its commit it leaves nothing.
class writer {
public:
    explicit writer(detail::owned<hsm_writer, hsm_writer_free> handle) noexcept : handle_(std::move(handle)) {}

    writer &write(bytes data)
    {
        detail::call(hsm_writer_write, get(), data.data(), data.size());
        return *this;
    }
    std::uint64_t size() const
    {
        std::uint64_t size = 0;
        detail::call(hsm_writer_size, get(), &size);
        return size;
    }
    put_result commit()
    {
        put_result result;
        detail::call(hsm_writer_commit, get(), &result, sizeof result);
        return result;
    }

    hsm_writer *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_writer, hsm_writer_free> handle_;
};

/// One part of an object that several writers write.
class part {
public:
    explicit part(detail::owned<hsm_part, hsm_part_free> handle) noexcept : handle_(std::move(handle)) {}

    part &write(bytes data)
    {
        detail::call(hsm_part_write, get(), data.data(), data.size());
        return *this;
    }
    /// Ends it: the receipt goes to whoever commits.
    std::string finish()
    {
        return *detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
            return hsm_part_finish(get(), text, size, length, from);
        });
    }

    hsm_part *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_part, hsm_part_free> handle_;
};

/// An object that several writers write, here or in other processes.
class parts {
public:
    explicit parts(detail::owned<hsm_parts, hsm_parts_free> handle) noexcept : handle_(std::move(handle)) {}

    /// What another process joins with.
    std::string token() const
    {
        return *detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
            return hsm_parts_token(get(), text, size, length, from);
        });
    }
    /// Parts begin at multiples of it, in bytes.
    std::uint64_t block_size() const
    {
        std::uint64_t size = 0;
        detail::call(hsm_parts_block_size, get(), &size);
        return size;
    }
    hsm::part part(std::uint64_t offset) const
    {
        detail::owned<hsm_part, hsm_part_free> handle;
        detail::make(handle, hsm_part_begin, get(), offset);
        return hsm::part(std::move(handle));
    }
    parts &add_receipt(bytes receipt)
    {
        detail::call(hsm_parts_add_receipt, get(), receipt.data(), receipt.size());
        return *this;
    }
    put_result commit()
    {
        put_result result;
        detail::call(hsm_parts_commit, get(), &result, sizeof result);
        return result;
    }

    hsm_parts *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_parts, hsm_parts_free> handle_;
};

/// Many changes in one commit.
class batch {
public:
    explicit batch(detail::owned<hsm_batch, hsm_batch_free> handle) noexcept : handle_(std::move(handle)) {}

    batch &put(bytes data, const put_options &options = {})
    {
        detail::call(hsm_batch_put, get(), data.data(), data.size(), options.get());
        return *this;
    }
    batch &put_empty(const put_options &options)
    {
        detail::call(hsm_batch_put_empty, get(), options.get());
        return *this;
    }
    batch &set_attributes(const id &object, const attributes &changes)
    {
        detail::call(hsm_batch_set_attributes, get(), &object, changes.get());
        return *this;
    }
    batch &remove(const id &object)
    {
        detail::call(hsm_batch_remove, get(), &object);
        return *this;
    }
    batch &move(const id &object, std::int32_t source, std::int32_t target)
    {
        detail::call(hsm_batch_move, get(), &object, source, target);
        return *this;
    }
    batch &add_key(const id &dataset, bytes key, const id &object)
    {
        detail::call(hsm_batch_add_key, get(), &dataset, key.data(), key.size(), &object);
        return *this;
    }
    std::size_t size() const
    {
        std::size_t count = 0;
        detail::call(hsm_batch_count, get(), &count);
        return count;
    }
    /// Commits it. Returns how many of its changes failed; an atomic batch throws instead.
    std::size_t commit()
    {
        std::size_t failed = 0;
        detail::call(hsm_batch_commit, get(), &failed);
        return failed;
    }
    /// What became of one change; throws its error.
    put_result result(std::size_t index) const
    {
        put_result result;
        detail::call(hsm_batch_result, get(), index, &result, sizeof result);
        return result;
    }

    hsm_batch *get() const noexcept { return handle_.get(); }

private:
    detail::owned<hsm_batch, hsm_batch_free> handle_;
};

/* -------------------------------------------------------------------- the store */

/// Bytes of one of many objects, or why it could not be read; there during the call only.
class delivery {
public:
    explicit delivery(const hsm_delivery &record) : record_(record) {}
    /// Its position in the list of ids, or in the listing.
    std::uint64_t index() const noexcept { return record_.index; }
    const hsm::id &id() const noexcept { return record_.id; }
    std::string_view key() const noexcept { return text(record_.key, record_.key_length); }
    /// The size of the object.
    std::uint64_t size() const noexcept { return record_.size_bytes; }
    /// Where these bytes begin in it.
    std::uint64_t offset() const noexcept { return record_.offset; }
    std::string_view data() const noexcept { return text(record_.data, record_.length); }
    /// HSM_STATUS_OK, or why the object could not be read.
    hsm_status status() const noexcept { return record_.status; }
    /// Tells more of that; empty with HSM_STATUS_OK.
    std::string message() const { return record_.error ? hsm_error_message(record_.error) : std::string(); }

private:
    static std::string_view text(const void *at, std::uint64_t length) noexcept
    {
        return at ? std::string_view(static_cast<const char *>(at), std::size_t(length)) : std::string_view();
    }
    const hsm_delivery &record_;
};

/// An open store. Destroyed, it closes; close() says whether that went well.
class store {
public:
    /// Opens the store in a directory, or creates it there; ":memory:" is one in memory.
    explicit store(std::string_view path) { open(path, nullptr); }
    store(std::string_view path, const store_options &options) { open(path, options.get()); }
    /// Takes a handle over.
    explicit store(detail::owned<hsm_store, hsm_store_free> handle) noexcept : handle_(std::move(handle)) {}

    /// A second handle of the store. Its long calls, and those of what is made from it, tell
    /// `follow(const hsm_progress &)` how far they have come, on their own thread: where several threads use the
    /// handle, it is called on each, also at the same time. It returns nothing, or 0 to go on; another number
    /// stops the call with HSM_STATUS_CANCELLED. What it throws stops the call too, and goes on to its caller,
    /// also where the stop came too late and the call is done. It is destroyed with the handle and all that was
    /// made from it.
    template <typename Follow> store with_progress(Follow follow) const
    {
        using follower = detail::follower<Follow>;
        hsm_progress_callback c = {};
        c.user_data = new follower{std::move(follow)};
        c.call = follower::call;
        c.destroy = follower::destroy;
        detail::owned<hsm_store, hsm_store_free> handle;
        detail::make(handle, hsm_store_with_progress, get(), c);
        return store(std::move(handle));
    }

    void close() const { detail::call(hsm_store_close, get()); }

    /// Makes a store again from the newest whole snapshot on the root of one of its tiers. It is not opened.
    static hsm_restored restore(std::string_view path, std::string_view root, const store_options &options = {})
    {
        hsm_restored done;
        detail::call(hsm_store_restore, path.data(), path.size(), root.data(), root.size(), options.get(), &done,
                     sizeof done);
        return done;
    }

    /// Makes a store again from the roots of its tiers alone, which the options name. It is not opened.
    static hsm_rebuilt rebuild(std::string_view path, const store_options &options)
    {
        hsm_rebuilt done;
        detail::call(hsm_store_rebuild, path.data(), path.size(), options.get(), hsm_progress_callback{},
                     hsm_finding_callback{}, &done, sizeof done);
        return done;
    }
    /// The same; tells `follow(const hsm_progress &)` how far it has come, as with_progress() says, and
    /// `found(const hsm_finding &)` of all that is not whole or not sure.
    template <typename Follow, typename Found>
    static hsm_rebuilt rebuild(std::string_view path, const store_options &options, Follow follow, Found found)
    {
        using follower = detail::follower<Follow>;
        follower followed{std::move(follow)};
        hsm_progress_callback progress = {};
        progress.user_data = &followed;
        progress.call = follower::call;
        hsm_rebuilt done;
        with_findings(found, [&](hsm_finding_callback c, hsm_error **from) {
            return hsm_store_rebuild(path.data(), path.size(), options.get(), progress, c, &done, sizeof done, from);
        });
        return done;
    }

    /// The directory that it lies in.
    std::string directory() const
    {
        return *detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
            return hsm_store_directory(get(), text, size, length, from);
        });
    }
    id store_id() const
    {
        id value;
        detail::call(hsm_store_id, get(), &value);
        return value;
    }
    /// An id as a put would draw it.
    id new_id() const
    {
        id value;
        detail::call(hsm_store_new_id, get(), &value);
        return value;
    }
    position sync() const
    {
        hsm::position last;
        detail::call(hsm_store_sync, get(), &last);
        return last;
    }
    hsm::position last_position() const
    {
        hsm::position last;
        detail::call(hsm_store_position, get(), &last);
        return last;
    }
    /// Why it takes no changes, if it takes none.
    std::optional<std::string> read_only_reason() const
    {
        return detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
            return hsm_store_read_only_reason(get(), text, size, length, from);
        });
    }
    hsm_maintained maintain() const
    {
        hsm_maintained done;
        detail::call(hsm_store_maintain, get(), &done, sizeof done);
        return done;
    }
    hsm::position snapshot() const
    {
        hsm::position last;
        detail::call(hsm_store_snapshot, get(), &last);
        return last;
    }
    hsm::position snapshot_to(std::int32_t tier, std::uint32_t keep = 0) const
    {
        hsm::position last;
        detail::call(hsm_store_snapshot_to, get(), tier, keep, &last);
        return last;
    }
    /// The snapshots that are kept on a tier, the newest first.
    std::vector<hsm_snapshot_info> snapshots(std::int32_t tier) const
    {
        std::vector<hsm_snapshot_info> all;
        hsm_snapshot_info info;
        while (detail::call(hsm_snapshot_next, get(), tier, all.empty() ? nullptr : &all.back().position, &info,
                            sizeof info) != HSM_STATUS_END)
            all.push_back(info);
        return all;
    }
    hsm_reconciled reconcile() const
    {
        hsm_reconciled found;
        detail::call(hsm_store_reconcile, get(), hsm_finding_callback{}, &found, sizeof found);
        return found;
    }
    /// The same; tells `found(const hsm_finding &)` of all that was not taken.
    template <typename Found> hsm_reconciled reconcile(Found found) const
    {
        hsm_reconciled done;
        with_findings(found, [&](hsm_finding_callback c, hsm_error **from) {
            return hsm_store_reconcile(get(), c, &done, sizeof done, from);
        });
        return done;
    }

    /* Check. */

    /// Compares the index with itself, copies with places, and places with copies.
    hsm_checked check(const hsm_check_options &options = {}) const
    {
        hsm_checked done;
        detail::call(hsm_store_check, get(), &options, sizeof options, hsm_finding_callback{}, &done, sizeof done);
        return done;
    }
    /// The same; tells `found(const hsm_finding &)` of all that is not as it should be.
    template <typename Found> hsm_checked check(const hsm_check_options &options, Found found) const
    {
        hsm_checked done;
        with_findings(found, [&](hsm_finding_callback c, hsm_error **from) {
            return hsm_store_check(get(), &options, sizeof options, c, &done, sizeof done, from);
        });
        return done;
    }
    /// Reads copies back from the medium and compares every block.
    hsm_scrubbed scrub(const hsm_scrub_options &options = {}, std::int32_t tier = any_tier) const
    {
        hsm_scrubbed done;
        detail::call(hsm_store_scrub, get(), tier, &options, sizeof options, hsm_finding_callback{}, &done, sizeof done);
        return done;
    }
    /// The same; tells `found(const hsm_finding &)` of all that is not as it should be.
    template <typename Found>
    hsm_scrubbed scrub(const hsm_scrub_options &options, std::int32_t tier, Found found) const
    {
        hsm_scrubbed done;
        with_findings(found, [&](hsm_finding_callback c, hsm_error **from) {
            return hsm_store_scrub(get(), tier, &options, sizeof options, c, &done, sizeof done, from);
        });
        return done;
    }
    /// Rewrites packs in which few bytes live, and removes them.
    hsm_compacted compact(const hsm_compact_options &options = {}, std::int32_t tier = any_tier) const
    {
        hsm_compacted done;
        detail::call(hsm_store_compact, get(), tier, &options, sizeof options, hsm_finding_callback{}, &done,
                     sizeof done);
        return done;
    }
    /// The same; tells `found(const hsm_finding &)` of all that could not be done.
    template <typename Found>
    hsm_compacted compact(const hsm_compact_options &options, std::int32_t tier, Found found) const
    {
        hsm_compacted done;
        with_findings(found, [&](hsm_finding_callback c, hsm_error **from) {
            return hsm_store_compact(get(), tier, &options, sizeof options, c, &done, sizeof done, from);
        });
        return done;
    }

    /* Put. */

    put_result put(bytes data) const { return put_with(data, nullptr); }
    put_result put(bytes data, const put_options &options) const { return put_with(data, options.get()); }
    put_result put_path(std::string_view path, const put_options &options = {}, std::uint64_t offset = 0,
                        std::uint64_t length = UINT64_MAX) const
    {
        put_result result;
        detail::call(hsm_object_put_path, get(), path.data(), path.size(), offset, length, options.get(), &result,
                     sizeof result);
        return result;
    }
    /// What an adoption did.
    struct adopt_result {
        put_result put;
        /// Whether the object shares its bytes with the file; else they were copied.
        bool shared;
        bool source_removed;
    };
    /// Adopts a file where it lies; `how` is 0, or a sum of HSM_ADOPT_COPY_ALLOWED and HSM_ADOPT_REMOVE_SOURCE.
    adopt_result adopt_path(std::string_view path, std::int32_t how = 0, const put_options &options = {}) const
    {
        adopt_result result{};
        std::int32_t adopted = 0;
        detail::call(hsm_object_adopt_path, get(), path.data(), path.size(), how, options.get(), &adopted, &result.put,
                     sizeof result.put);
        result.shared = (adopted & HSM_ADOPTED_SHARED) != 0;
        result.source_removed = (adopted & HSM_ADOPTED_SOURCE_REMOVED) != 0;
        return result;
    }
    put_result put_fd(int fd, const put_options &options = {}, std::uint64_t offset = 0,
                      std::uint64_t length = UINT64_MAX) const
    {
        put_result result;
        detail::call(hsm_object_put_fd, get(), fd, offset, length, options.get(), &result, sizeof result);
        return result;
    }
    /// Stores what `read(void *buffer, size_t size)` gives, until it gives 0 bytes.
    template <typename Read> put_result put_stream(Read read, const put_options &options = {}) const
    {
        auto call = [&](void *data, std::size_t size, std::size_t *got) {
            *got = read(data, size);
            return 0;
        };
        detail::callback<decltype(call)> guarded(call);
        hsm_read_callback c = {};
        c.call = [](void *user_data, void *data, std::size_t size, std::size_t *got) -> std::int32_t {
            return (*static_cast<decltype(guarded) *>(user_data))(data, size, got);
        };
        c.user_data = &guarded;
        put_result result;
        hsm_error *from = nullptr;
        guarded.check(hsm_object_put_stream(get(), c, options.get(), &result, sizeof result, &from), from);
        return result;
    }
    put_result put_empty(const put_options &options = {}) const
    {
        put_result result;
        detail::call(hsm_object_put_empty, get(), options.get(), &result, sizeof result);
        return result;
    }
    /// Puts bytes at an offset of an existing object, without rewriting all of it.
    put_result put_at(const id &object, std::uint64_t offset, bytes data,
                      std::int32_t durability = HSM_DURABLE) const
    {
        put_result result;
        detail::call(hsm_object_put_at, get(), &object, offset, data.data(), data.size(), durability, &result,
                     sizeof result);
        return result;
    }
    hsm::writer writer(const put_options &options = {}) const
    {
        detail::owned<hsm_writer, hsm_writer_free> handle;
        detail::make(handle, hsm_writer_open, get(), options.get());
        return hsm::writer(std::move(handle));
    }
    hsm::parts parts(const put_options &options = {}) const
    {
        detail::owned<hsm_parts, hsm_parts_free> handle;
        detail::make(handle, hsm_parts_begin, get(), options.get());
        return hsm::parts(std::move(handle));
    }
    hsm::parts join_parts(bytes token) const
    {
        detail::owned<hsm_parts, hsm_parts_free> handle;
        detail::make(handle, hsm_parts_join, get(), token.data(), token.size());
        return hsm::parts(std::move(handle));
    }
    hsm::batch batch(bool atomic = false, std::int32_t durability = HSM_DURABLE) const
    {
        detail::owned<hsm_batch, hsm_batch_free> handle;
        detail::make(handle, hsm_batch_new, get(), std::int32_t(atomic), durability);
        return hsm::batch(std::move(handle));
    }

    /* Get. */

    /// Reads from an offset on; short only at the end of the object.
    std::size_t get_bytes(const id &object, buffer into, std::uint64_t offset = 0, std::int32_t tier = any_tier) const
    {
        std::size_t read = 0;
        detail::call(hsm_object_get, get(), &object, tier, offset, into.data(), into.size(), &read);
        return read;
    }
    /// A whole object in memory.
    std::string get_string(const id &object) const
    {
        hsm::reader from = reader(object);
        std::string all(static_cast<std::size_t>(from.object().info().size_bytes), '\0');
        if (!all.empty())
            all.resize(from.read_at(0, buffer(&all[0], all.size())));
        return all;
    }
    std::uint64_t get_path(const id &object, std::string_view path, std::int32_t tier = any_tier) const
    {
        std::uint64_t size = 0;
        detail::call(hsm_object_get_path, get(), &object, tier, path.data(), path.size(), &size);
        return size;
    }
    std::uint64_t get_fd(const id &object, int fd, std::int32_t tier = any_tier) const
    {
        std::uint64_t size = 0;
        detail::call(hsm_object_get_fd, get(), &object, tier, fd, &size);
        return size;
    }
    /// Hands a whole object to `write(std::string_view)`, run by run.
    template <typename Write>
    std::uint64_t get_stream(const id &object, Write write, std::int32_t tier = any_tier) const
    {
        auto call = [&](const void *data, std::size_t size) {
            write(std::string_view(static_cast<const char *>(data), size));
            return 0;
        };
        detail::callback<decltype(call)> guarded(call);
        hsm_write_callback c = {};
        c.call = [](void *user_data, const void *data, std::size_t size) -> std::int32_t {
            return (*static_cast<decltype(guarded) *>(user_data))(data, size);
        };
        c.user_data = &guarded;
        std::uint64_t size = 0;
        hsm_error *from = nullptr;
        guarded.check(hsm_object_get_stream(get(), &object, tier, c, &size, &from), from);
        return size;
    }
    /// Reads many objects and hands their bytes to `take(const delivery &)`, in the order in which they lie.
    template <typename Take>
    void get(const std::vector<id> &objects, Take take, std::int32_t tier = any_tier) const
    {
        deliver(std::move(take), [&](hsm_delivery_callback target, hsm_error **from) {
            return hsm_objects_get(get(), objects.data(), objects.size(), tier, target, from);
        });
    }
    /// Reads all objects that match: a dataset, say.
    template <typename Take>
    void get_all(const hsm::query &query, Take take, std::int32_t tier = any_tier) const
    {
        deliver(std::move(take), [&](hsm_delivery_callback target, hsm_error **from) {
            return hsm_objects_get_all(get(), query.get(), tier, target, from);
        });
    }
    /// Reads many objects, each into a file of a directory that is named after its id. Tells
    /// `failed(const hsm::delivery &)` of each that did not become one.
    template <typename Failed>
    hsm_got_into get_into(const std::vector<id> &objects, std::string_view directory, Failed failed,
                          std::int32_t tier = any_tier) const
    {
        hsm_got_into got;
        deliver(std::move(failed), [&](hsm_delivery_callback target, hsm_error **from) {
            return hsm_objects_get_into(get(), objects.data(), objects.size(), tier, directory.data(), directory.size(),
                                        target, &got, sizeof got, from);
        });
        return got;
    }
    /// Reads all objects that match into files: those of a dataset under their keys.
    template <typename Failed>
    hsm_got_into get_all_into(const hsm::query &query, std::string_view directory, Failed failed,
                              std::int32_t tier = any_tier) const
    {
        hsm_got_into got;
        deliver(std::move(failed), [&](hsm_delivery_callback target, hsm_error **from) {
            return hsm_objects_get_all_into(get(), query.get(), tier, directory.data(), directory.size(), target, &got,
                                            sizeof got, from);
        });
        return got;
    }
    hsm::reader reader(const id &object, std::int32_t tier = any_tier) const
    {
        detail::owned<hsm_reader, hsm_reader_free> handle;
        detail::make(handle, hsm_reader_open, get(), &object, tier);
        return hsm::reader(std::move(handle));
    }

    /* Objects, names, listings. */

    hsm::object object(const id &object) const
    {
        detail::owned<hsm_object, hsm_object_free> handle;
        detail::make(handle, hsm_object_open, get(), &object);
        return hsm::object(std::move(handle));
    }
    /// Every key of a live object.
    std::vector<name> names(const id &object) const
    {
        std::vector<name> all;
        auto call = [&](const hsm_id *dataset, const void *key, std::size_t length) {
            all.push_back({*dataset, std::string(static_cast<const char *>(key), length)});
            return 0;
        };
        detail::callback<decltype(call)> guarded(call);
        hsm_name_callback c = {};
        c.call = [](void *user_data, const hsm_id *dataset, const void *key, std::size_t length) -> std::int32_t {
            return (*static_cast<decltype(guarded) *>(user_data))(dataset, key, length);
        };
        c.user_data = &guarded;
        hsm_error *from = nullptr;
        guarded.check(hsm_object_names(get(), &object, c, &from), from);
        return all;
    }
    hsm::position set_attributes(const id &object, const attributes &changes) const
    {
        hsm::position at;
        detail::call(hsm_object_set_attributes, get(), &object, changes.get(), &at);
        return at;
    }
    /// What recalls of these objects to a tier would come to.
    hsm_recall_info estimate_recall(const std::vector<id> &objects, std::int32_t target,
                                    std::uint64_t bytes_a_second = 0) const
    {
        hsm_recall_info info;
        detail::call(hsm_recall_estimate, get(), objects.data(), objects.size(), target, bytes_a_second, &info,
                     sizeof info);
        return info;
    }
    /// The same of all that matches a query.
    hsm_recall_info estimate_recall(const query &which, std::int32_t target, std::uint64_t bytes_a_second = 0) const
    {
        hsm_recall_info info;
        detail::call(hsm_recall_estimate_query, get(), which.get(), target, bytes_a_second, &info, sizeof info);
        return info;
    }
    detail::range<cursor> objects() const { return listing(nullptr); }
    detail::range<cursor> objects(const query &which) const { return listing(which.get()); }

    id create_dataset(std::string_view name) const
    {
        id created;
        const hsm_attributes *none = nullptr;
        detail::call(hsm_dataset_create, get(), name.data(), name.size(), none, &created);
        return created;
    }
    id create_dataset(std::string_view name, const attributes &with) const
    {
        id created;
        const hsm_attributes *all = with.get();
        detail::call(hsm_dataset_create, get(), name.data(), name.size(), all, &created);
        return created;
    }
    id find_dataset(std::string_view name) const
    {
        id found;
        detail::call(hsm_dataset_find, get(), name.data(), name.size(), &found);
        return found;
    }
    hsm::dataset dataset(const id &dataset) const
    {
        detail::owned<hsm_dataset, hsm_dataset_free> handle;
        detail::make(handle, hsm_dataset_open, get(), &dataset);
        return hsm::dataset(std::move(handle));
    }
    /// The dataset behind `after` in order of name; none at the end.
    std::optional<hsm::dataset> next_dataset(std::optional<std::string_view> after = std::nullopt) const
    {
        detail::owned<hsm_dataset, hsm_dataset_free> handle;
        const char *name = after ? after->data() : nullptr;
        const std::size_t length = after ? after->size() : 0;
        if (detail::make(handle, hsm_dataset_next, get(), name, length) == HSM_STATUS_END)
            return std::nullopt;
        return hsm::dataset(std::move(handle));
    }
    void set_dataset_attributes(const id &dataset, const attributes &changes) const
    {
        detail::call(hsm_dataset_set_attributes, get(), &dataset, changes.get(), no_position());
    }
    void remove_dataset(const id &dataset) const
    {
        detail::call(hsm_dataset_remove, get(), &dataset, no_position());
    }
    void add_key(const id &dataset, bytes key, const id &object) const
    {
        detail::call(hsm_key_add, get(), &dataset, key.data(), key.size(), &object, no_position());
    }
    void remove_key(const id &dataset, bytes key) const
    {
        detail::call(hsm_key_remove, get(), &dataset, key.data(), key.size(), no_position());
    }
    id find(const id &dataset, bytes key) const
    {
        id found;
        detail::call(hsm_key_find, get(), &dataset, key.data(), key.size(), &found);
        return found;
    }

    /* Tiers and what moves between them. */

    hsm_tier_info tier(std::int32_t tier) const
    {
        hsm_tier_info info;
        detail::call(hsm_tier_stat, get(), tier, &info, sizeof info);
        return info;
    }
    std::vector<hsm_tier_info> tiers() const
    {
        std::vector<hsm_tier_info> all;
        hsm_tier_info info;
        std::int32_t after = -1;
        while (detail::call(hsm_tier_next, get(), after, &info, sizeof info) != HSM_STATUS_END) {
            all.push_back(info);
            after = info.tier;
        }
        return all;
    }
    /// Its word for people; empty if it was given none.
    std::string tier_name(std::int32_t tier) const
    {
        return *detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
            return hsm_tier_name(get(), tier, text, size, length, from);
        });
    }
    /// Its directory: absolute, or relative to the store's; empty for one in memory.
    std::string tier_root(std::int32_t tier) const
    {
        return *detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
            return hsm_tier_root(get(), tier, text, size, length, from);
        });
    }
    /// The settings of all tiers as a YAML file.
    std::string export_tiers() const
    {
        return *detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
            return hsm_tiers_export(get(), text, size, length, from);
        });
    }
    /// Adds or changes the tiers that a YAML file names.
    void apply_tiers(std::string_view yaml) const
    {
        detail::call(hsm_tiers_apply, get(), yaml.data(), yaml.size());
    }
    tier_settings settings(std::int32_t tier) const
    {
        detail::owned<hsm_tier_settings, hsm_tier_settings_free> handle;
        detail::make(handle, hsm_tier_settings_get, get(), tier);
        return tier_settings(std::move(handle));
    }
    /// What a delayed tier is like, and what it had to do; all zeros for one that is not delayed.
    hsm_delay_info delay(std::int32_t tier) const
    {
        hsm_delay_info info;
        detail::call(hsm_tier_delay, get(), tier, &info, sizeof info);
        return info;
    }
    /// Whether a copy can be read now.
    hsm_copy_state copy_state(const id &object, std::int32_t tier) const
    {
        hsm_copy_state state;
        detail::call(hsm_object_copy_state, get(), &object, tier, &state, sizeof state);
        return state;
    }
    void add_tier(const tier_settings &settings) const { detail::call(hsm_tier_add, get(), settings.get()); }
    void change_tier(const tier_settings &settings) const { detail::call(hsm_tier_change, get(), settings.get()); }
    void set_tier_state(std::int32_t tier, std::int32_t state) const
    {
        detail::call(hsm_tier_set_state, get(), tier, state);
    }
    std::uint64_t drain_tier(std::int32_t tier, std::int32_t target) const
    {
        std::uint64_t moved = 0;
        detail::call(hsm_tier_drain, get(), tier, target, &moved);
        return moved;
    }
    /// Declares a tier's bytes gone. Returns the objects whose last copy that was.
    std::vector<id> lose_tier(std::int32_t tier) const
    {
        std::vector<id> lost;
        auto call = [&](const hsm_id *object) {
            lost.push_back(*object);
            return 0;
        };
        detail::callback<decltype(call)> guarded(call);
        hsm_id_callback c = {};
        c.call = [](void *user_data, const hsm_id *object) -> std::int32_t {
            return (*static_cast<decltype(guarded) *>(user_data))(object);
        };
        c.user_data = &guarded;
        hsm_error *from = nullptr;
        guarded.check(hsm_tier_lose(get(), tier, c, &from), from);
        return lost;
    }
    void retire_tier(std::int32_t tier) const { detail::call(hsm_tier_retire, get(), tier); }

    /// False: there was such a copy.
    bool copy(const id &object, std::int32_t target, std::int32_t source = any_tier) const
    {
        hsm::position at;
        detail::call(hsm_object_copy, get(), &object, source, target, &at);
        return at.number != 0;
    }
    bool move(const id &object, std::int32_t source, std::int32_t target) const
    {
        hsm::position at;
        detail::call(hsm_object_move, get(), &object, source, target, &at);
        return at.number != 0;
    }
    bool recall(const id &object, std::int32_t target) const
    {
        hsm::position at;
        detail::call(hsm_object_recall, get(), &object, target, &at);
        return at.number != 0;
    }
    bool release(const id &object, std::int32_t tier, bool force = false) const
    {
        hsm::position at;
        detail::call(hsm_object_release, get(), &object, tier, std::int32_t(force), &at);
        return at.number != 0;
    }
    void verify(const id &object, std::int32_t tier) const
    {
        detail::call(hsm_object_verify, get(), &object, tier, no_position());
    }
    /// Copies many; throws the first error when one failed, after all were tried.
    void copy(const std::vector<id> &objects, std::int32_t target, std::int32_t source = any_tier) const
    {
        detail::call(hsm_objects_copy, get(), objects.data(), objects.size(), source, target, no_statuses());
    }
    void move(const std::vector<id> &objects, std::int32_t source, std::int32_t target) const
    {
        detail::call(hsm_objects_move, get(), objects.data(), objects.size(), source, target, no_statuses());
    }

    /* Pins. */

    /// Keeps the object's copy on a tier until a time, in nanoseconds since 1970; INT64_MAX: until it is unpinned.
    void pin(const id &object, std::int32_t tier, std::string_view owner, std::int64_t until_ns) const
    {
        detail::call(hsm_object_pin, get(), &object, tier, owner.data(), owner.size(), until_ns, no_position());
    }
    /// Whether there was one.
    bool unpin(const id &object, std::int32_t tier, std::string_view owner) const
    {
        hsm::position at;
        detail::call(hsm_object_unpin, get(), &object, tier, owner.data(), owner.size(), &at);
        return at.number != 0;
    }
    /// Pins all of them, or none.
    void pin(const std::vector<id> &objects, std::int32_t tier, std::string_view owner, std::int64_t until_ns) const
    {
        detail::call(hsm_objects_pin, get(), objects.data(), objects.size(), tier, owner.data(), owner.size(), until_ns,
                     no_position());
    }
    /// Pins all objects that match: a dataset, say. Returns how many.
    std::uint64_t pin_all(const hsm::query &query, std::int32_t tier, std::string_view owner,
                          std::int64_t until_ns) const
    {
        std::uint64_t count = 0;
        detail::call(hsm_objects_pin_all, get(), query.get(), tier, owner.data(), owner.size(), until_ns, &count);
        return count;
    }
    /// Takes all pins of an owner away. Returns how many there were.
    std::uint64_t unpin_all(std::string_view owner, std::int32_t tier = any_tier) const
    {
        std::uint64_t count = 0;
        detail::call(hsm_objects_unpin_all, get(), tier, owner.data(), owner.size(), &count);
        return count;
    }
    /// The next pin behind `after`, in order of object, tier and owner; `owner` nullopt: of any.
    std::optional<hsm_pin_info> next_pin(const hsm_pin_info *after, const id *object = nullptr,
                                         std::int32_t tier = any_tier,
                                         std::optional<std::string_view> owner = std::nullopt) const
    {
        hsm_pin_info info;
        if (detail::call(hsm_pin_next, get(), after, sizeof info, object, tier, owner ? owner->data() : nullptr,
                         owner ? owner->size() : std::size_t(0), &info, sizeof info) == HSM_STATUS_END)
            return std::nullopt;
        return info;
    }

    /* Remove. */

    void remove(const id &object) const { detail::call(hsm_object_remove, get(), &object, no_position()); }
    void purge(const id &object) const { detail::call(hsm_object_purge, get(), &object, no_position()); }
    void undelete(const id &object) const { detail::call(hsm_object_undelete, get(), &object); }

    /* Actions. */

    /// Asks for something to be done by whoever calls run(): HSM_ACTION_COPY and so on. Returns the id of the action.
    id submit(std::int32_t verb, const id &object, std::int32_t source, std::int32_t target, bool force = false) const
    {
        return submit_with(verb, object, source, target, force, nullptr);
    }
    id submit(std::int32_t verb, const id &object, std::int32_t source, std::int32_t target, bool force,
              const action_options &options) const
    {
        return submit_with(verb, object, source, target, force, options.get());
    }
    /// One action for each object, all or none. Returns the id of their group.
    id submit_group(std::int32_t verb, const std::vector<id> &objects, std::int32_t source, std::int32_t target,
                    bool force = false) const
    {
        return submit_group_with(verb, objects, source, target, force, nullptr);
    }
    id submit_group(std::int32_t verb, const std::vector<id> &objects, std::int32_t source, std::int32_t target,
                    bool force, const action_options &options) const
    {
        return submit_group_with(verb, objects, source, target, force, options.get());
    }
    hsm_action_info action(const id &action) const
    {
        hsm_action_info info;
        detail::call(hsm_action_stat, get(), &action, &info, sizeof info);
        return info;
    }
    /// One of HSM_ACTION_TEXT_*, where there is such a text.
    std::optional<std::string> action_text(const id &action, std::int32_t what) const
    {
        return detail::text([&](char *text, std::size_t size, std::size_t *length, hsm_error **from) {
            return hsm_action_text(get(), &action, what, text, size, length, from);
        });
    }
    /// The next action behind the one with this number, in this state (0: in any).
    std::optional<hsm_action_info> next_action(std::uint64_t number, std::int32_t state = 0) const
    {
        return next_action_of(number, state, nullptr);
    }
    std::optional<hsm_action_info> next_action(std::uint64_t number, std::int32_t state, const id &group) const
    {
        return next_action_of(number, state, &group);
    }
    /// How an action ended; none: it did not in time. -1: for as long as it takes.
    std::optional<hsm_action_info> wait_action(const id &action, std::int32_t timeout_ms = -1) const
    {
        hsm_action_info info;
        if (detail::call(hsm_action_wait, get(), &action, timeout_ms, &info, sizeof info) == HSM_STATUS_TIMEOUT)
            return std::nullopt;
        return info;
    }
    void cancel_action(const id &action) const { detail::call(hsm_action_cancel, get(), &action); }
    void retry_action(const id &action) const { detail::call(hsm_action_retry, get(), &action); }
    hsm_group_info group(const id &group) const
    {
        hsm_group_info info;
        detail::call(hsm_group_stat, get(), &group, &info, sizeof info);
        return info;
    }
    std::optional<hsm_group_info> wait_group(const id &group, std::int32_t timeout_ms = -1) const
    {
        hsm_group_info info;
        if (detail::call(hsm_group_wait, get(), &group, timeout_ms, &info, sizeof info) == HSM_STATUS_TIMEOUT)
            return std::nullopt;
        return info;
    }
    std::uint64_t cancel_group(const id &group) const
    {
        std::uint64_t count = 0;
        detail::call(hsm_group_cancel, get(), &group, &count);
        return count;
    }
    std::uint64_t retry_group(const id &group) const
    {
        std::uint64_t count = 0;
        detail::call(hsm_group_retry, get(), &group, &count);
        return count;
    }
    /// Asks for something of a site's own kind to be done, by a worker that leases it. `object` NULL: it is about none.
    id submit_site(std::string_view kind, std::string_view payload, const id *object = nullptr,
                   const action_options *options = nullptr) const
    {
        id action;
        detail::call(hsm_action_submit_site, get(), kind.data(), kind.size(), payload.data(), payload.size(), object,
                     options ? options->get() : nullptr, &action);
        return action;
    }

    /// Leases an action of these kinds, which commas separate; none: there was none in time.
    std::optional<hsm_action_info> lease(std::string_view kinds, std::string_view worker, std::uint64_t duration_ms,
                                         std::int32_t timeout_ms = -1) const
    {
        hsm_action_info info;
        if (detail::call(hsm_action_lease, get(), kinds.data(), kinds.size(), worker.data(), worker.size(), duration_ms,
                         timeout_ms, &info, sizeof info) == HSM_STATUS_TIMEOUT)
            return std::nullopt;
        return info;
    }
    void extend_lease(const id &action, std::uint64_t token, std::uint64_t duration_ms) const
    {
        detail::call(hsm_action_extend, get(), &action, token, duration_ms, nullptr, std::size_t(0));
    }
    void extend_lease(const id &action, std::uint64_t token, std::uint64_t duration_ms, std::string_view note) const
    {
        detail::call(hsm_action_extend, get(), &action, token, duration_ms, note.data(), note.size());
    }
    void complete_lease(const id &action, std::uint64_t token, std::string_view result = {}) const
    {
        detail::call(hsm_action_complete, get(), &action, token, result.data(), result.size());
    }
    void fail_lease(const id &action, std::uint64_t token, std::string_view error, bool again) const
    {
        detail::call(hsm_action_fail, get(), &action, token, error.data(), error.size(), std::int32_t(again));
    }
    void give_back_lease(const id &action, std::uint64_t token) const
    {
        detail::call(hsm_action_give_back, get(), &action, token);
    }
    /// HSM_ACTION_BYTES_PAYLOAD or _RESULT, where there are any.
    std::optional<std::string> action_bytes(const id &action, std::int32_t what) const
    {
        std::string bytes(65536, '\0');
        std::size_t length = 0;
        if (detail::call(hsm_action_bytes, get(), &action, what, &bytes[0], bytes.size(), &length) == HSM_STATUS_END)
            return std::nullopt;
        bytes.resize(length);
        return bytes;
    }

    /// Runs actions in this thread: 0: those that can be run now; -1: until it is stopped.
    hsm_ran run(std::int32_t timeout_ms = 0) const
    {
        hsm_ran ran;
        detail::call(hsm_store_run, get(), timeout_ms, &ran, sizeof ran);
        return ran;
    }
    /// How much of a tier run() takes at most; zeros: as much as it can.
    void set_limits(std::int32_t tier, const hsm_limits &limits) const
    {
        detail::call(hsm_tier_set_limits, get(), tier, &limits, sizeof limits, no_position());
    }
    hsm_limits limits(std::int32_t tier) const
    {
        hsm_limits limits;
        detail::call(hsm_tier_limits, get(), tier, &limits, sizeof limits);
        return limits;
    }
    /// How many finished actions are kept, and for how long; UINT64_MAX: no bound.
    void set_actions_kept(std::uint64_t count_max, std::uint64_t age_max_ns) const
    {
        detail::call(hsm_store_set_actions_kept, get(), count_max, age_max_ns);
    }

    /* The feed. */

    detail::range<hsm::feed> feed(const hsm::position &after = {}) const
    {
        detail::owned<hsm_feed, hsm_feed_free> handle;
        detail::make(handle, hsm_feed_open, get(), &after);
        return detail::range<hsm::feed>(hsm::feed(std::move(handle)));
    }

    /* Subscribers. */

    void subscribe(std::string_view name, const hsm::position &after = {}) const
    {
        detail::call(hsm_subscriber_create, get(), name.data(), name.size(), &after);
    }
    void drop_subscriber(std::string_view name) const
    {
        detail::call(hsm_subscriber_drop, get(), name.data(), name.size());
    }
    /// All of them, in order of name.
    std::vector<hsm::subscriber> subscribers() const
    {
        std::vector<hsm::subscriber> all;
        for (;;) {
            char name[256];
            std::size_t length = 0;
            hsm_subscriber_info info;
            const char *after = all.empty() ? nullptr : all.back().name.data();
            std::size_t after_length = all.empty() ? 0 : all.back().name.size();
            if (detail::call(hsm_subscriber_next, get(), after, after_length, name, sizeof name, &length, &info,
                             sizeof info) == HSM_STATUS_END)
                return all;
            all.push_back({std::string(name, length), info});
        }
    }
    hsm::subscription subscription(std::string_view name) const
    {
        detail::owned<hsm_subscription, hsm_subscription_free> handle;
        detail::make(handle, hsm_subscription_open, get(), name.data(), name.size());
        return hsm::subscription(std::move(handle));
    }
    /// Opens the sink that has this name and writes this file.
    hsm::sink sink(std::string_view name, std::string_view path, const hsm::position &after = {},
                   std::uint64_t max_bytes = 0, std::uint64_t keep = 0) const
    {
        detail::owned<hsm_sink, hsm_sink_free> handle;
        detail::make(handle, hsm_sink_open, get(), name.data(), name.size(), path.data(), path.size(), &after, max_bytes,
                     keep);
        return hsm::sink(std::move(handle));
    }
    /// Follows without a name, from behind a position.
    hsm::subscription follow(const hsm::position &after = {}) const
    {
        detail::owned<hsm_subscription, hsm_subscription_free> handle;
        detail::make(handle, hsm_subscription_follow, get(), &after);
        return hsm::subscription(std::move(handle));
    }
    /// How much of the feed is kept: so many of the last events, of at most this age; UINT64_MAX: no bound.
    void set_retention(std::uint64_t events_max, std::uint64_t age_max_ns) const
    {
        detail::call(hsm_store_set_retention, get(), events_max, age_max_ns, no_position());
    }
    /// The two bounds.
    std::pair<std::uint64_t, std::uint64_t> retention() const
    {
        std::pair<std::uint64_t, std::uint64_t> bounds;
        detail::call(hsm_store_retention, get(), &bounds.first, &bounds.second);
        return bounds;
    }
    /// How far the times of last access may be behind; UINT64_MAX: accesses are not recorded.
    void set_access_staleness(std::uint64_t staleness_ns) const
    {
        detail::call(hsm_store_set_access_staleness, get(), staleness_ns, no_position());
    }
    std::uint64_t access_staleness() const
    {
        std::uint64_t staleness_ns = 0;
        detail::call(hsm_store_access_staleness, get(), &staleness_ns);
        return staleness_ns;
    }

    const hsm_store *get() const noexcept { return handle_.get(); }

private:
    template <typename Take, typename Call> static void deliver(Take take, Call get)
    {
        auto call = [&](const hsm_delivery *record) {
            take(delivery(*record));
            return 0;
        };
        detail::callback<decltype(call)> guarded(call);
        hsm_delivery_callback c = {};
        c.call = [](void *user_data, const hsm_delivery *record, std::size_t) -> std::int32_t {
            return (*static_cast<decltype(guarded) *>(user_data))(record);
        };
        c.user_data = &guarded;
        hsm_error *from = nullptr;
        guarded.check(get(c, &from), from);
    }
    void open(std::string_view path, const hsm_store_options *options)
    {
        detail::make(handle_, hsm_store_open, path.data(), path.size(), options);
    }
    template <typename Found, typename Call> static void with_findings(Found &found, Call call)
    {
        auto take = [&](const hsm_finding *finding, std::size_t size) {
            found(detail::known(finding, size));
            return 0;
        };
        detail::callback<decltype(take)> guarded(take);
        hsm_finding_callback c = {};
        c.call = [](void *user_data, const hsm_finding *finding, std::size_t size) -> std::int32_t {
            return (*static_cast<decltype(guarded) *>(user_data))(finding, size);
        };
        c.user_data = &guarded;
        hsm_error *from = nullptr;
        guarded.check(call(c, &from), from);
    }
    put_result put_with(bytes data, const hsm_put_options *options) const
    {
        put_result result;
        detail::call(hsm_object_put, get(), data.data(), data.size(), options, &result, sizeof result);
        return result;
    }
    id submit_with(std::int32_t verb, const id &object, std::int32_t source, std::int32_t target, bool force,
                   const hsm_action_options *options) const
    {
        id action;
        detail::call(hsm_action_submit, get(), verb, &object, source, target, std::int32_t(force), options, &action);
        return action;
    }
    id submit_group_with(std::int32_t verb, const std::vector<id> &objects, std::int32_t source, std::int32_t target,
                         bool force, const hsm_action_options *options) const
    {
        id group;
        detail::call(hsm_group_submit, get(), verb, objects.data(), objects.size(), source, target,
                     std::int32_t(force), options, &group);
        return group;
    }
    std::optional<hsm_action_info> next_action_of(std::uint64_t number, std::int32_t state, const id *group) const
    {
        hsm_action_info info;
        if (detail::call(hsm_action_next, get(), number, state, group, &info, sizeof info) == HSM_STATUS_END)
            return std::nullopt;
        return info;
    }
    detail::range<cursor> listing(const hsm_query *which) const
    {
        detail::owned<hsm_cursor, hsm_cursor_free> handle;
        detail::make(handle, hsm_cursor_open, get(), which);
        return detail::range<cursor>(cursor(std::move(handle)));
    }
    static hsm_position *no_position() noexcept { return nullptr; }
    static hsm_status *no_statuses() noexcept { return nullptr; }

    detail::owned<hsm_store, hsm_store_free> handle_;
};

} // namespace hsm

inline std::ostream &operator<<(std::ostream &out, const hsm_id &value) { return out << hsm::to_string(value); }

#endif /* HSM_HPP */
