"""A client of libhestia over ctypes: loads the one library and nothing else.

    store = Hestia()                      # the configuration that Hestia's variables name, or its defaults
    made = store.create(OBJECT, {"user_metadata": {"data": {"colour": "red"}}})
    store.put(made["id"], b"bytes")
    print(store.get(made["id"]), store.read(OBJECT))
    store.close()

HESTIA_LIBRARY names the library where the loader does not find it.
"""

import ctypes
import json
import os

OBJECT, TIER, DATASET, USER, NODE, ACTION, USER_METADATA, TIER_EXTENT = range(8)
_ID, _JSON, _ALL, _IDS = 1, 2, 0, 1


class HestiaError(Exception):
    """A call that failed, with a number of hestia.h in `code`."""

    def __init__(self, code, words):
        super().__init__(f"{words} ({code})")
        self.code = code


class Hestia:
    """The client of this process: there is one at a time. Also a context manager."""

    def __init__(self, config=None, extra=None):
        self._library = ctypes.CDLL(os.environ.get("HESTIA_LIBRARY", "libhestia.so"))
        self._call("hestia_initialize", _bytes(config), None, _bytes(json.dumps(extra)) if extra else None)

    def _call(self, name, *arguments):
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            words = ctypes.create_string_buffer(512)
            self._library.hestia_get_last_error(words, ctypes.c_size_t(len(words)))
            raise HestiaError(code, words.value.decode(errors="replace"))

    def _output(self, name, *arguments, last=()):
        """Calls a function that answers text. It is freed whatever happens."""
        output, length = ctypes.c_char_p(), ctypes.c_int()
        try:
            self._call(name, *arguments, ctypes.byref(output), ctypes.byref(length), *last)
            return (output.value or b"").decode()
        finally:
            self._library.hestia_free_output(ctypes.byref(output))

    def create(self, item, fields=None):
        """Makes an item, and answers it as it is then."""
        text = _bytes(json.dumps(fields or {}))
        return json.loads(self._output("hestia_create", item, _JSON, 0, text, len(text), _JSON))[0]

    def update(self, item, id, fields):
        """Changes an item, and answers it as it is then."""
        text = _bytes(f"{id}\n\n{json.dumps(fields)}")
        return json.loads(self._output("hestia_update", item, _JSON, _ID, text, len(text), _JSON))[0]

    def read(self, item, id=None, offset=0, count=0):
        """A list of items: all, or the one with an id."""
        text, total = _bytes(id or ""), ctypes.c_int()
        query = _ALL if id is None else _IDS
        arguments = (item, query, _ID, offset, count, text, len(text), _JSON)
        return json.loads(self._output("hestia_read", *arguments, last=(ctypes.byref(total),)))

    def remove(self, item, id):
        """Removes an item."""
        text = _bytes(id)
        self._call("hestia_remove", item, _ID, text, len(text))

    def put(self, id, data, offset=0, tier=0):
        """Puts bytes into an object that exists, and answers the id of the action."""
        size = ctypes.c_size_t
        return self._output("hestia_data_put", _bytes(id), data, size(len(data)), size(offset), ctypes.c_uint8(tier))

    def get(self, id, offset=0, size=None, tier=None):
        """The bytes of an object; without a tier from the lowest that has them."""
        known = self.read(OBJECT, id)
        if not known:
            raise HestiaError(1, f"there is no object {id}")
        if not known[0]["tiers"]:
            return b""
        tier = known[0]["tiers"][0]["index"] if tier is None else tier
        size = max(known[0]["size"] - offset, 0) if size is None else size
        buffer, length = ctypes.create_string_buffer(size), ctypes.c_size_t(size)
        where = (ctypes.byref(length), ctypes.c_size_t(offset), ctypes.c_uint8(tier))
        self._call("hestia_data_get", _bytes(id), buffer, *where, None, None)
        return buffer.raw[: length.value]

    def move(self, id, source, target):
        """Moves an object to another tier, and answers the id of the action."""
        tiers = (ctypes.c_uint8(source), ctypes.c_uint8(target))
        return self._output("hestia_data_move", OBJECT, _bytes(id), *tiers)

    def close(self):
        """Ends the client."""
        self._call("hestia_finish")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _bytes(text):
    return None if text is None else text.encode()
