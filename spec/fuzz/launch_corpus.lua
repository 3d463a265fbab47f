-- launch_corpus.lua DIR: seeds for the target launch, DIR/launch/SEED, each one a path that means
-- something else to QEMU's option parser if it is not escaped, or what an SEV-SNP guest may have.

local lfs = require "lfs"

local dir = assert(arg[1], "usage: lua5.4 launch_corpus.lua DIR")

local seeds = {
  plain = "/home/me/data",
  comma = "/data,readonly=off",
  commas = ",,/a,,,b,",
  another = "/data,id=x -device virtio-9p-pci",
  relative = "data",
  bytes = "/\xff\n\"'\\$`%s",
  host_data = ("AQEB"):rep(10) .. "AQE=",
  host_data_and_more = ("AQEB"):rep(8) .. ",policy=0x0=",
  model = "EPYC-v4",
  models = "EPYC-v4,+vmx",
}

lfs.mkdir(dir .. "/launch")
for name, bytes in pairs(seeds) do
  local file <close> = assert(io.open(("%s/launch/%s"):format(dir, name), "wb"))
  assert(file:write(bytes))
end
