-- guest_corpus.lua DIR: seeds for the targets of the agent's wire, DIR/TARGET/SEED, each one a
-- conversation. Formats are those of core/guest/wire.h. guest_port reads a byte before the frames.

local lfs = require "lfs"

local dir = assert(arg[1], "usage: lua5.4 guest_corpus.lua DIR")

local function frame(type, channel, payload)
  return ("<I4I4BBBB"):pack(#payload, channel, type, 0, 0, 0) .. payload
end

local function exec(channel, flags, argv, env, directory, user)
  local strings = {}
  for _, list in ipairs { argv, env } do
    for _, s in ipairs(list) do strings[#strings + 1] = s .. "\0" end
  end
  return frame(2, channel, ("<I4I4I4I2I2I4I4zz"):pack(flags, 65536, 65536, 24, 80, #argv, #env,
    directory or "", user or "") .. table.concat(strings))
end

local hello = frame(1, 0, ("<I4"):pack(3))
local seeds = {
  shell = hello .. exec(1, 1, { "echo hi; uname -a" }, {}),
  argv = hello .. exec(7, 2, { "sha256sum", "-" }, { "A=b", "PATH=/bin" }, "/tmp", "nobody:users")
    .. frame(3, 7, "some bytes") .. frame(3, 7, ""),
  tool = hello .. exec(1, 8, { "tar", "-c", "-f", "-" }, {}),
  pty = hello .. exec(2, 7, { "tty" }, { "TERM=xterm" }) .. frame(6, 2, ("<I2I2"):pack(40, 120)),
  control = hello .. exec(3, 0, { "true" }, {}) .. frame(4, 3, ("<I4I4"):pack(1, 4096))
    .. frame(5, 3, ("<I4"):pack(15)) .. frame(7, 3, "") .. frame(11, 0, "ping")
    .. frame(13, 0, ("<I8"):pack(1 << 60)) .. frame(12, 0, ""),
  files = hello .. frame(8, 4, ("<I4z"):pack(420, "/tmp/a")) .. frame(3, 4, "bytes")
    .. frame(9, 5, ("<I4z"):pack(65536, "/etc/passwd"))
    .. frame(10, 6, ("<I4zz"):pack(1, "t", "/t")),
  bounds = hello .. frame(15, 1, ("<I4zz"):pack(1, "kavachroot", ""))
    .. frame(15, 2, ("<I4zz"):pack(0, "", "kavachscratch"))
    .. frame(14, 3, ("<I4I4I4"):pack(7, 50000, 64)) .. exec(4, 1, { "true" }, {}),
  network = hello
    .. frame(16, 8, ("<I4I4I4I4z"):pack(0x0a00020f, 24, 0x0a000202, 0, "10.0.2.2 host\n")),
  saved = frame(17, 1, "") .. hello
    .. frame(18, 1, ("<I8c64zz"):pack(0, ("e"):rep(64), ("0a"):rep(16), "a-host"))
    .. exec(2, 1, { "true" }, {}),
  largest = hello .. frame(3, 4, ("x"):rep(65536)) .. frame(11, 0, ("p"):rep(64)),
}

for target, lead in pairs { guest_frame = "", guest_port = "\7" } do
  lfs.mkdir(dir .. "/" .. target)
  for name, bytes in pairs(seeds) do
    local file <close> = assert(io.open(("%s/%s/%s"):format(dir, target, name), "wb"))
    assert(file:write(lead, bytes))
  end
end
