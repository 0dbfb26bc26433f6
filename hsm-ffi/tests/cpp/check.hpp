// What the tests in C++ check with.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <hsm.hpp>

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                               \
        }                                                                               \
    } while (0)

/// The status of the hsm::error that `call` throws; HSM_STATUS_OK when it throws none.
template <typename Call> hsm_status status_of(Call call)
{
    try {
        call();
    } catch (const hsm::error &error) {
        return error.status();
    }
    return HSM_STATUS_OK;
}

#endif
