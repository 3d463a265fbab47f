-- ovmf_corpus.lua DIR: seeds for snp_ovmf, of our own making. LUA_PATH must have spec/?.lua.

local dir = assert(arg[1], "usage: lua5.4 ovmf_corpus.lua DIR")
local firmware = require "support.firmware"

local PLAIN <const>, EC2 <const>, KERNEL <const> = 0, 2, 8
local far = firmware.sections()
far[1].gpa = 0xfffff000
local seeds = {
  whole = firmware.image { size = firmware.PAGE },
  svsm = firmware.image { size = firmware.PAGE, svsm_entry = 16 },
  bare = firmware.image { size = firmware.PAGE, metadata = false, hashes = false },
  far = firmware.image { size = firmware.PAGE, sections = far },
  count = firmware.image { size = firmware.PAGE,
    metadata = firmware.metadata(firmware.sections(), 0xffffffff) },
}
for name, image in pairs(seeds) do
  for _, how in ipairs { PLAIN, EC2, KERNEL, EC2 | KERNEL } do
    local file = assert(io.open(("%s/%s-%d"):format(dir, name, how), "wb"))
    file:write(string.char(how), image)
    file:close()
  end
end
