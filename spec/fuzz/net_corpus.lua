-- net_corpus.lua DIR: seeds for the target net_filter, DIR/net_filter/SEED: streams of frames, of
-- which some may pass.

package.path = "spec/?.lua;" .. package.path

local frames = require "support.frames"
local lfs = require "lfs"

local dir = assert(arg[1], "usage: lua5.4 net_corpus.lua DIR")

local sound = {
  arp = frames.arp(),
  tcp = frames.tcp("203.0.113.9", 80, { data = "GET / HTTP/1.1\r\n\r\n" }),
  udp = frames.udp("203.0.113.9", 8005),
  icmp = frames.icmp "203.0.113.9",
  host = frames.tcp("10.0.2.2", 8000),
  own = frames.tcp("203.0.113.7", 80),
  port = frames.tcp("203.0.113.9", 81),
  fragment = frames.tcp("203.0.113.9", 80, { fragment = 0x2000 }),
  ipv6 = frames.ethernet(("\x60"):rep(40), { ethertype = 0x86dd }),
}

lfs.mkdir(dir .. "/net_filter")
local function write(name, bytes)
  local file <close> = assert(io.open(("%s/net_filter/%s"):format(dir, name), "wb"))
  assert(file:write(bytes))
end

local all = {}
for name, frame in pairs(sound) do
  write(name, frames.framed(frame))
  all[#all + 1] = frames.framed(frame)
end
table.sort(all)
write("all", table.concat(all))
write("long", frames.framed(("x"):rep(2000)) .. frames.framed(sound.arp))
write("broken", "\xff\xff\xff\xff" .. frames.framed(sound.arp))
