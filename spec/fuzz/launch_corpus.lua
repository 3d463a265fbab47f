-- launch_corpus.lua DIR: seeds for the target launch, DIR/launch/SEED, each one a path that means
-- something else to QEMU's option parser if it is not escaped.

local lfs = require "lfs"

local dir = assert(arg[1], "usage: lua5.4 launch_corpus.lua DIR")

local seeds = {
  plain = "/home/me/data",
  comma = "/data,readonly=off",
  commas = ",,/a,,,b,",
  another = "/data,id=x -device virtio-9p-pci",
  relative = "data",
  bytes = "/\xff\n\"'\\$`%s",
}

lfs.mkdir(dir .. "/launch")
for name, bytes in pairs(seeds) do
  local file <close> = assert(io.open(("%s/launch/%s"):format(dir, name), "wb"))
  assert(file:write(bytes))
end
