--- 64 MiB into a guest and out of it again, beside what the port itself can do.

local kavach = require "kavach"
local core = require "kavach.core"
local support = require "support"

local MIB <const> = 64
local THERE <const> = "/tmp/file"
local BYTES <const> = MIB << 20

local function write_file(path)
  local file <close> = assert(io.open(path, "wb"))
  local random <close> = assert(io.open("/dev/urandom", "rb"))
  for _ = 1, MIB do assert(file:write(random:read(1 << 20))) end
end

-- Milliseconds that it takes.
local function timed(copy)
  local begun = core.hrtime()
  assert(copy())
  return (core.hrtime() - begun) / 1e6
end

local function rate(ms) return MIB / ms * 1000 end

return function(runs)
  local folder <close> = support.folder()
  local source, back = folder.path .. "/source", folder.path .. "/back"
  write_file(source)
  local guest <close> = support.bare_guest(folder.path)
  local box <close> = assert(kavach.sandbox {})
  local puts, gets, fills, drains = {}, {}, {}, {}
  local ours, theirs = support.interleave(runs, function()
    local put = timed(function() return box:put(source, THERE) end)
    local get = timed(function() return box:get(THERE, back) end)
    puts[#puts + 1], gets[#gets + 1] = rate(put), rate(get)
    return rate(put + get) * 2
  end, function()
    local fill = guest:ask(("fill %d %s dd of=%s bs=64k count=%d iflag=fullblock 2>/dev/null")
      :format(BYTES, source, THERE, BYTES >> 16)) / 1e6
    local drain = guest:ask(("drain %d cat %s"):format(BYTES, THERE)) / 1e6
    fills[#fills + 1], drains[#drains + 1] = rate(fill), rate(drain)
    return rate(fill + drain) * 2
  end)
  assert(os.execute(("cmp '%s' '%s'"):format(source, back)))
  return { {
    what = ("box:put and box:get of a file of %d MiB"):format(MIB), unit = "MiB/s",
    peer = "the same bytes through the port without an agent", version = support.qemu_version(),
    ours = ours, theirs = theirs, at_least = 0.7,
    parts = { { what = "put", unit = "MiB/s", values = puts },
      { what = "get", unit = "MiB/s", values = gets },
      { what = "into the port", unit = "MiB/s", values = fills },
      { what = "out of the port", unit = "MiB/s", values = drains } },
  } }
end
