Lua
-- Bytecode in place of a source.
-- why: attempt to load a binary chunk
