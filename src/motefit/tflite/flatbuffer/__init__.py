"""FlatBuffers: assembled as small as they can be, read without trust; the schema."""
