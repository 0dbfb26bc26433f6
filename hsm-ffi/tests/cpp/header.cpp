// The header is C++ too, and its functions keep their C names.
#include "../c/check.h"

int main(int count, char **)
{
    CHECK(count == 2);
    hsm_store *store = nullptr;
    CHECK_OK(hsm_store_open(":memory:", SIZE_MAX, nullptr, &store, &error));
    hsm_id id{};
    CHECK_OK(hsm_store_new_id(store, &id, &error));
    char text[HSM_ID_TEXT_SIZE];
    CHECK_OK(hsm_id_format(&id, text, sizeof text, &error));
    CHECK(strlen(text) == HSM_ID_TEXT_SIZE - 1);
    hsm_store_free(store);
    return 0;
}
