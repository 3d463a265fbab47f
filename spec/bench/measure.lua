--- A launch digest from files of usual sizes, from exec to exit, beside openssl hashing the same
--- bytes one after the other: with all processors, and with one.

local support = require "support"

local spec = debug.getinfo(1, "S").source:match "^@(.*)/bench/[^/]*$" or "spec"
package.path = ("%s;%s/?.lua"):format(package.path, spec)
local firmware = require "support.firmware"

local MIB <const> = 1024 * 1024
local KERNEL <const>, INITRD <const>, FIRMWARE <const> = 12 * MIB, 60 * MIB, 4 * MIB
--- A third of what sev-snp-measure 0.0.13 took for the like, 190 to 230 ms.
local AT_MOST_MS <const> = 190 / 3

local function write_random(path, size, tail)
  local random <close> = assert(io.open("/dev/urandom", "rb"))
  local file <close> = assert(io.open(path, "wb"))
  for _ = 1, size // MIB do file:write(random:read(MIB)) end
  file:write(random:read(size % MIB) or "", tail or "")
end

return function(runs)
  local folder <close> = support.folder()
  local function path(name) return folder.path .. "/" .. name end
  local image = firmware.image()
  write_random(path "kernel", KERNEL)
  write_random(path "initrd", INITRD)
  write_random(path "firmware", FIRMWARE - #image, image)
  local ours = { support.kavach, "measure", "--vcpus", "64", "--vcpu-type", "EPYC-v4",
    "--ovmf", path "firmware", "--kernel", path "kernel", "--initrd", path "initrd",
    "--append", "console=ttyS0" }
  local theirs = { "sh", "-c", "openssl dgst -sha256 \"$1/kernel\" \"$1/initrd\" >/dev/null && "
    .. "openssl dgst -sha384 \"$1/firmware\" >/dev/null", "sh", folder.path }

  local function compare(what, peer, ...)
    local function pinned(argv, ...)
      local words = { ... }
      return table.move(argv, 1, #argv, #words + 1, words)
    end
    local mine, peers = pinned(ours, ...), pinned(theirs, ...)
    local a, b = support.interleave(runs * 2, function() return support.time(mine) end,
      function() return support.time(peers) end)
    return {
      what = what, peer = peer, unit = "ms", version = support.version_of("openssl", "version"),
      ours = a, theirs = b, at_most = 1.1,
    }
  end

  local all = compare("kavach measure: 4 + 12 + 60 MiB, 64 CPUs", "openssl dgst, the same bytes")
  return {
    all,
    compare("the same on one processor", "openssl on one processor", "taskset", "-c", "0"),
    { what = "kavach measure (sev-snp-measure: 190 to 230 ms)", unit = "ms", ours = all.ours,
      version = "no peer in this run", at_most = AT_MOST_MS },
  }
end
