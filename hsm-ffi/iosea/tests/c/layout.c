/* Every number and layout of the headers is what programs that were compiled against Hestia's have in them. */
#include <hestia_iosea.h>

/* Fails to compile where it is not so: C99 has no static assertion. */
#define SO(name, condition) typedef char name[(condition) ? 1 : -1]; extern name *name##_is_so

#define VALUE(name, number) SO(value_##name, (int)name == (number))
#define SIZE(type, size) SO(size_##type, sizeof(type) == (size))
#define AT(type, field, offset, size) \
    SO(at_##type##_##field, offsetof(type, field) == (offset) && sizeof(((type *)0)->field) == (size))

VALUE(HESTIA_ERROR_OK, 0);
VALUE(HESTIA_ERROR_NOT_FOUND, 1);
VALUE(HESTIA_ERROR_ATTEMPTED_OVERWRITE, 2);
VALUE(HESTIA_ERROR_BAD_STREAM, 3);
VALUE(HESTIA_ERROR_BAD_INPUT_ID, 4);
VALUE(HESTIA_ERROR_BAD_INPUT_BUFFER, 5);
VALUE(HESTIA_ERROR_CLIENT_STATE, 6);
VALUE(HESTIA_ERROR_UNKNOWN, 7);
VALUE(HESTIA_ERROR_COUNT, 8);
SIZE(hestia_error_t, 4);

VALUE(HESTIA_OBJECT, 0);
VALUE(HESTIA_TIER, 1);
VALUE(HESTIA_DATASET, 2);
VALUE(HESTIA_USER, 3);
VALUE(HESTIA_NODE, 4);
VALUE(HESTIA_ACTION, 5);
VALUE(HESTIA_USER_METADATA, 6);
VALUE(HESTIA_TIER_EXTENT, 7);
VALUE(HESTIA_ITEM_TYPE_COUNT, 8);
SIZE(hestia_item_t, 4);

VALUE(HESTIA_ID_NONE, 0);
VALUE(HESTIA_ID, 1);
VALUE(HESTIA_NAME, 2);
VALUE(HESTIA_PARENT_ID, 4);
VALUE(HESTIA_PARENT_NAME, 8);
SIZE(hestia_id_format_t, 4);

VALUE(HESTIA_IO_NONE, 0);
VALUE(HESTIA_IO_IDS, 1);
VALUE(HESTIA_IO_JSON, 2);
VALUE(HESTIA_IO_KEY_VALUE, 4);
VALUE(HESTIA_IO_NO_CHILD, 8);
SIZE(hestia_io_format_t, 4);

VALUE(HESTIA_QUERY_NONE, 0);
VALUE(HESTIA_QUERY_IDS, 1);
VALUE(HESTIA_QUERY_FILTER, 2);
VALUE(HESTIA_QUERY_TYPE_COUNT, 3);
SIZE(hestia_query_format_t, 4);

VALUE(HESTIA_CREATE, 0);
VALUE(HESTIA_UPDATE, 1);
SIZE(hestia_create_mode_t, 4);

VALUE(HESTIA_IO_EMPTY, 0);
VALUE(HESTIA_IO_BUFFER, 1);
VALUE(HESTIA_IO_PATH, 2);
VALUE(HESTIA_IO_DESCRIPTOR, 3);
SIZE(hestia_io_type_t, 4);

SIZE(HestiaId, 32);
AT(HestiaId, m_lo, 0, 8);
AT(HestiaId, m_hi, 8, 8);
AT(HestiaId, m_uuid, 16, 8);
AT(HestiaId, m_user_initialized, 24, 4);

SIZE(HestiaIoContext, 48);
AT(HestiaIoContext, m_type, 0, 4);
AT(HestiaIoContext, m_offset, 8, 8);
AT(HestiaIoContext, m_length, 16, 8);
AT(HestiaIoContext, m_buffer, 24, 8);
AT(HestiaIoContext, m_path, 32, 8);
AT(HestiaIoContext, m_fd, 40, 4);

SIZE(HestiaKeyValuePair, 16);
AT(HestiaKeyValuePair, m_key, 0, 8);
AT(HestiaKeyValuePair, m_value, 8, 8);

SIZE(HestiaTierExtent, 32);
AT(HestiaTierExtent, m_tier_index, 0, 1);
AT(HestiaTierExtent, m_size, 8, 8);
AT(HestiaTierExtent, m_creation_time, 16, 8);
AT(HestiaTierExtent, m_last_modified_time, 24, 8);

SIZE(HestiaObject, 96);
AT(HestiaObject, m_name, 0, 8);
AT(HestiaObject, m_uuid, 8, 8);
AT(HestiaObject, m_size, 16, 8);
AT(HestiaObject, m_creation_time, 24, 8);
AT(HestiaObject, m_ctime, 32, 8);
AT(HestiaObject, m_mtime, 40, 8);
AT(HestiaObject, m_atime, 48, 8);
AT(HestiaObject, m_tier_extents, 56, 8);
AT(HestiaObject, m_num_tier_extents, 64, 8);
AT(HestiaObject, m_attrs, 72, 8);
AT(HestiaObject, m_num_attrs, 80, 8);
AT(HestiaObject, m_valid, 88, 4);

SIZE(HestiaTier, 8);
AT(HestiaTier, m_index, 0, 1);
AT(HestiaTier, m_user_initialized, 4, 4);

int main(void)
{
    return 0;
}
