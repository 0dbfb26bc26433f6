// The same in C++.
#include <hsm.h>

#include <iostream>
#include <memory>

struct free_store {
    void operator()(hsm_store *store) const { hsm_store_free(store); }
};

int main(int count, char **arguments)
{
    hsm_error *error = nullptr;
    hsm_store *opened = nullptr;

    if (count != 2 || hsm_version_number() != HSM_VERSION_NUMBER)
        return 2;
    hsm_status status = hsm_store_open(arguments[1], SIZE_MAX, nullptr, &opened, &error);
    std::unique_ptr<hsm_store, free_store> store(opened);
    if (status == HSM_STATUS_OK)
        status = hsm_store_close(store.get(), &error);
    if (status != HSM_STATUS_OK)
        std::cerr << hsm_error_message(error) << '\n';
    hsm_error_free(error);
    return status == HSM_STATUS_OK ? 0 : 1;
}
