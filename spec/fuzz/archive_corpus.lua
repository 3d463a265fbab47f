--- Seeds for archive_unpack: lua5.4 spec/fuzz/archive_corpus.lua DIR

package.path = "spec/?.lua;" .. package.path
local tar = require "support.tar"

local folder = arg[1] .. "/archive_unpack"
assert(os.execute(("mkdir -p '%s'"):format(folder)))

local seeds = {
  { { name = "./", type = "folder" }, { name = "./d/", type = "folder" },
    { name = "./d/f", bytes = "hello" }, { name = "./h", type = "hard", target = "./d/f" },
    { name = "./l", type = "symlink", target = "d/f" } },
  { { name = "a/b/c", type = "symlink", target = "../.." },
    { name = "x", type = "symlink", target = "a/b/c/f" }, { name = "f", bytes = "x" } },
  { { name = "././@LongLink", type = "L", bytes = ("n"):rep(200) .. "\0" }, { name = "n" } },
  { { name = "PaxHeaders/f", type = "x", bytes = "12 path=a/b\n" }, { name = "f", bytes = "x" } },
  { { name = "f", type = "fifo" } },
}
for i, list in ipairs(seeds) do
  local file <close> = assert(io.open(("%s/%d"):format(folder, i), "wb"))
  assert(file:write(tar.archive(list)))
end
