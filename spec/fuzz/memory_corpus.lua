-- memory_corpus.lua DIR: seeds for the target memory_sparse, DIR/memory_sparse/SEED: sizes of
-- files, and what is done to them.

local lfs = require "lfs"

local dir = assert(arg[1], "usage: lua5.4 memory_corpus.lua DIR")
local folder = dir .. "/memory_sparse"
assert(lfs.mkdir(folder))

local PAGE <const> = 4096

local function seed(name, size, steps)
  local parts = { string.pack("<I4", size) }
  for _, step in ipairs(steps) do parts[#parts + 1] = string.pack("<BI2I2", table.unpack(step)) end
  local file <close> = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(table.concat(parts))
end

-- A step's first byte: 2 writes bytes that are not zero, 1 begins within a page (without 2: writes
-- zeros), neither punches a hole; the rest is the length, in half pages.
seed("empty", 0, {})
seed("hole", 10 * PAGE, {})
seed("pages", 10 * PAGE, { { 2 | 1 << 3, 1, 7 }, { 2 | 1 << 3, 8, 9 } })
seed("tail", 10 * PAGE + 17, { { 2 | 1 << 3, 10, 7 } })
seed("chunks", 530 * PAGE, { { 2 | 62 << 2, 240, 1 }, { 3 | 62 << 2, 500, 2 } })
seed("zeros", 100 * PAGE, { { 2 | 40 << 2, 3, 1 }, { 1 | 10 << 2, 5, 0 }, { 10 << 2, 12, 0 } })
