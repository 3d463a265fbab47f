local frames = require "support.frames"
local net = require "kavach.net"

local address, framed = frames.address, frames.framed

local function block(text)
  local at, bits = text:match "^([%d.]+)/?(%d*)$"
  return { address = address(at), prefix = tonumber(bits) or 32 }
end

-- A filter with lists of blocks and of ranges.
local function filter(hosts, ports)
  local blocks
  if hosts then
    blocks = {}
    for i, text in ipairs(hosts) do blocks[i] = block(text) end
  end
  return net.filter {
    mac = frames.MAC, guest = address "10.0.2.15", network = block "10.0.2.0/24",
    host = address "10.0.2.2", dns = address "10.0.2.3", own = { address "192.0.2.7" },
    hosts = blocks, ports = ports,
  }
end

local function passes(given, frame)
  local out = given:feed(framed(frame))
  if out == "" then return false end
  assert.equal(framed(frame), out)
  return true
end

local function refuse_all(given, list)
  for name, frame in pairs(list) do assert.is_false(passes(given, frame), name) end
end

describe("The packet filter", function()
  it("passes what a guest has to send, unchanged", function()
    local open = filter()
    for _, frame in ipairs {
      frames.arp(), frames.arp { operation = 2 }, frames.tcp("192.0.2.1", 443),
      frames.tcp("192.0.2.1", 443, { words = 6, data = "\2\4\5\180" }),
      frames.tcp("192.0.2.1", 443, { data = ("x"):rep(1460) }),
      frames.udp("192.0.2.1", 53), frames.udp("10.0.2.3", 53), frames.icmp "192.0.2.1",
      frames.tcp("192.0.2.1", 443, { fragment = 0 }),
    } do
      assert.is_true(passes(open, frame))
    end
    assert.same({ 9, 0 }, { open:counts() })
  end)

  it("refuses what pretends to be somebody else", function()
    refuse_all(filter(), {
      mac = frames.tcp("192.0.2.1", 80, { mac = "\x52\x54\0\x6b\x76\2" }),
      source = frames.tcp("192.0.2.1", 80, { from = "10.0.2.16" }),
      host_as_source = frames.udp("192.0.2.1", 80, { from = "10.0.2.2" }),
      no_source = frames.udp("192.0.2.1", 80, { from = "0.0.0.0" }),
      arp_frame = frames.arp { mac = "\x52\x55\x0a\0\2\2" },
      arp_mac = frames.arp { sender_mac = "\x52\x55\x0a\0\2\2" },
      arp_address = frames.arp { operation = 2, sender = "10.0.2.2" },
    })
  end)

  it("refuses what is neither ARP nor plain IPv4", function()
    local tcp = frames.tcp("192.0.2.1", 80)
    refuse_all(filter(), {
      vlan = frames.ethernet("\0\1\8\0" .. tcp:sub(15), { ethertype = 0x8100 }),
      ipv6 = frames.ethernet(("\x60"):rep(40), { ethertype = 0x86dd }),
      lldp = frames.ethernet(("x"):rep(46), { ethertype = 0x88cc }),
      length_not_type = frames.ethernet(tcp:sub(15), { ethertype = 60 }),
      version_6 = frames.tcp("192.0.2.1", 80, { version = 0x65 }),
      igmp = frames.ip(2, "192.0.2.1", ("\0"):rep(8)),
      gre = frames.ip(47, "192.0.2.1", ("\0"):rep(20)),
      sctp = frames.ip(132, "192.0.2.1", ("\0"):rep(20)),
      to_a_group = frames.tcp("192.0.2.1", 80, { to = "\1\0\x5e\0\0\1" }),
      to_all = frames.udp("192.0.2.1", 80, { to = ("\xff"):rep(6) }),
      arp_of_another_kind = frames.arp { hardware = 6 },
      arp_of_ipv6 = frames.arp { protocol = 0x86dd },
      arp_with_other_sizes = frames.arp { hardware_size = 8 },
      arp_reverse = frames.arp { operation = 3 },
      icmp_redirect = frames.icmp("192.0.2.1", { type = 5 }),
      icmp_code = frames.icmp("192.0.2.1", { code = 1 }),
    })
  end)

  it("refuses fragments and options", function()
    local with_options = frames.ip(6, "192.0.2.1", "\x83\3\4\0" .. frames.tcp("192.0.2.1", 80)
      :sub(35), { version = 0x46 })
    refuse_all(filter(), {
      first = frames.tcp("192.0.2.1", 80, { fragment = 0x2000 }),
      later = frames.tcp("192.0.2.1", 80, { fragment = 0x0001 }),
      last = frames.tcp("192.0.2.1", 80, { fragment = 0x1fff }),
      reserved = frames.tcp("192.0.2.1", 80, { fragment = 0x8000 }),
      source_route = with_options,
      short_header = frames.tcp("192.0.2.1", 80, { version = 0x44 }),
    })
  end)

  it("refuses lengths that lie", function()
    local tcp, udp = frames.tcp("192.0.2.1", 80), frames.udp("192.0.2.1", 80)
    local lies = {
      longer_packet = frames.tcp("192.0.2.1", 80, { total = 41 }),
      shorter_packet = frames.tcp("192.0.2.1", 80, { total = 40, data = ("x"):rep(100) }),
      less_than_a_header = frames.tcp("192.0.2.1", 80, { total = 19 }),
      nothing = frames.tcp("192.0.2.1", 80, { total = 0 }),
      tcp_header = frames.tcp("192.0.2.1", 80, { words = 6 }),
      tcp_small_header = frames.tcp("192.0.2.1", 80, { words = 4 }),
      tcp_cut = frames.tcp("192.0.2.1", 80, { cut = 19 }),
      udp_longer = frames.udp("192.0.2.1", 80, { length = 14 }),
      udp_shorter = frames.udp("192.0.2.1", 80, { length = 12 }),
      too_long = frames.tcp("192.0.2.1", 80, { data = ("x"):rep(1461) }),
      filled_arp = frames.arp() .. ("\0"):rep(19),
      empty = "",
    }
    for i = 1, #tcp - 1 do lies["tcp " .. i] = tcp:sub(1, i) end
    for i = 1, #udp - 1 do lies["udp " .. i] = udp:sub(1, i) end
    for i = 1, 41 do lies["arp " .. i] = frames.arp():sub(1, i) end
    refuse_all(filter(), lies)
  end)

  it("passes short frames that were filled up, as Ethernet has it", function()
    assert.is_true(passes(filter(), frames.tcp("192.0.2.1", 80) .. ("\0"):rep(6)))
    assert.is_true(passes(filter(), frames.arp() .. ("\0"):rep(18)))
    assert.is_false(passes(filter(), frames.tcp("192.0.2.1", 80) .. ("\0"):rep(7)))
  end)

  it("never passes what no guest has to reach, whatever is allowed", function()
    for _, open in ipairs { filter(), filter { "0.0.0.0/0" },
      filter { "127.0.0.0/8", "0.0.0.0/8", "224.0.0.0/3", "10.0.2.0/24", "10.0.2.15",
        "10.0.2.255" } } do
      for _, to in ipairs { "127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "224.0.0.1",
        "239.255.255.250", "240.0.0.1", "255.255.255.255", "10.0.2.0", "10.0.2.1", "10.0.2.2",
        "10.0.2.4", "10.0.2.15", "10.0.2.255" } do
        assert.is_false(passes(open, frames.tcp(to, 80)), to)
        assert.is_false(passes(open, frames.udp(to, 80)), to)
        assert.is_false(passes(open, frames.icmp(to)), to)
      end
    end
  end)

  it("passes what means more than it seems only if it is listed itself", function()
    for _, to in ipairs { "10.0.2.2", "192.0.2.7", "169.254.169.254" } do
      assert.is_false(passes(filter(), frames.tcp(to, 80)), to)
      assert.is_false(passes(filter { "0.0.0.0/0" }, frames.tcp(to, 80)), to)
      assert.is_true(passes(filter { to }, frames.tcp(to, 80)), to)
    end
    assert.is_false(passes(filter { "10.0.2.0/24" }, frames.tcp("10.0.2.2", 80)))
    assert.is_false(passes(filter { "192.0.2.0/24" }, frames.tcp("192.0.2.7", 80)))
    assert.is_true(passes(filter { "169.254.169.0/24" }, frames.tcp("169.254.169.254", 80)))
    assert.is_false(passes(filter { "169.0.0.0/8" }, frames.tcp("169.254.169.254", 80)))
  end)

  it("passes names to be resolved, unless hosts are listed and the name server is not", function()
    assert.is_true(passes(filter(), frames.udp("10.0.2.3", 53)))
    assert.is_true(passes(filter { "10.0.2.3" }, frames.tcp("10.0.2.3", 53)))
    assert.is_false(passes(filter { "0.0.0.0/0" }, frames.udp("10.0.2.3", 53)))
    -- QEMU would pass another port on to whatever the host has at its resolver's address.
    assert.is_false(passes(filter(), frames.tcp("10.0.2.3", 80)))
    assert.is_false(passes(filter { "10.0.2.3" }, frames.tcp("10.0.2.3", 54)))
    assert.is_false(passes(filter(nil, { { from = 443, to = 443 } }), frames.udp("10.0.2.3", 53)))
  end)

  it("holds a block of addresses to its last bit", function()
    local some = filter { "198.51.100.64/26", "203.0.113.9" }
    for to, expected in pairs {
      ["198.51.100.63"] = false, ["198.51.100.64"] = true, ["198.51.100.127"] = true,
      ["198.51.100.128"] = false, ["203.0.113.8"] = false, ["203.0.113.9"] = true,
      ["203.0.113.10"] = false, ["192.0.2.1"] = false,
    } do
      assert.equal(expected, passes(some, frames.tcp(to, 80)), to)
      assert.equal(expected, passes(some, frames.icmp(to)), to)
    end
    assert.is_false(passes(filter {}, frames.tcp("198.51.100.64", 80)))
  end)

  it("holds ranges of ports to their ends, for TCP and UDP, and then passes no ping", function()
    local some = filter({ "192.0.2.0/24" },
      { { from = 80, to = 80 }, { from = 8000, to = 8010 }, { from = 65535, to = 65535 } })
    for port, expected in pairs {
      [0] = false, [79] = false, [80] = true, [81] = false, [7999] = false, [8000] = true,
      [8005] = true, [8010] = true, [8011] = false, [65534] = false, [65535] = true,
    } do
      assert.equal(expected, passes(some, frames.tcp("192.0.2.1", port)), port)
      assert.equal(expected, passes(some, frames.udp("192.0.2.1", port)), port)
    end
    assert.is_false(passes(some, frames.icmp "192.0.2.1"))
    assert.is_false(passes(some, frames.tcp("198.51.100.1", 80)))
  end)

  it("remembers the first destinations that it refused, once each", function()
    local some = filter { "192.0.2.1" }
    for _ = 1, 3 do
      passes(some, frames.tcp("198.51.100.1", 443))
      passes(some, frames.udp("198.51.100.1", 443))
      passes(some, frames.icmp "198.51.100.1")
      passes(some, frames.tcp("198.51.100.1", 443, { total = 0 })) -- what is odd has none
    end
    local at = address "198.51.100.1"
    assert.same({ { address = at, port = 443, protocol = 6 },
      { address = at, port = 443, protocol = 17 }, { address = at, port = 0, protocol = 1 } },
      some:refused())
    for port = 1, 100 do passes(some, frames.tcp("198.51.100.2", port)) end
    assert.equal(16, #some:refused())
    assert.same({ 0, 112 }, { some:counts() })
  end)
end)

describe("The packet filter's answer", function()
  -- RFC 1071: of whole data with its checksum in it, the sum is all ones.
  local function sum(bytes)
    local total = 0
    for i = 1, #bytes, 2 do total = total + string.unpack(">I2", bytes, i) end
    while total > 0xffff do total = (total & 0xffff) + (total >> 16) end
    return total
  end

  it("is ICMP that quotes the packet, from the gateway to the guest", function()
    local some = filter {}
    local frame = frames.tcp("198.51.100.1", 443, { data = "data" })
    passes(some, frame)
    local answer = some:answers()
    assert.equal(74, #answer)
    local length, to, from, kind = string.unpack(">I4c6c6I2", answer)
    assert.same({ 70, frames.MAC, frames.GATEWAY_MAC, 0x0800 }, { length, to, from, kind })
    local ip, icmp = answer:sub(19, 38), answer:sub(39)
    local version, total, protocol, source, target = string.unpack(">BxI2xxxxxBxxI4I4", ip)
    assert.same({ 0x45, 56, 1, address "10.0.2.2", address "10.0.2.15" },
      { version, total, protocol, source, target })
    assert.same({ 0xffff, 0xffff }, { sum(ip), sum(icmp) })
    assert.equal("\3\13", icmp:sub(1, 2))
    assert.equal(frame:sub(15, 42), icmp:sub(9))
    assert.equal("", some:answers())
  end)

  it("is given to what is refused, and not to what is odd or passes", function()
    local some = filter { "192.0.2.1" }
    passes(some, frames.tcp("192.0.2.1", 80))
    passes(some, frames.tcp("192.0.2.1", 80, { total = 1 }))
    passes(some, frames.udp("255.255.255.255", 67, { to = ("\xff"):rep(6) }))
    assert.equal("", some:answers())
    for _ = 1, 100 do passes(some, frames.icmp "192.0.2.9") end
    assert.equal(16 * 74, #some:answers())
  end)
end)

describe("The packet filter's stream", function()
  local good, bad = framed(frames.tcp("192.0.2.1", 80)), framed(frames.tcp("127.0.0.1", 80))

  it("may come in pieces of any size", function()
    local whole = good .. bad .. framed(frames.arp()) .. framed "" .. bad
      .. framed(("x"):rep(60000)) .. good
    local expected = good .. framed(frames.arp()) .. good
    for _, size in ipairs { 1, 2, 3, 5, 57, 58, 59, 1000, 30000, #whole } do
      local some, out = filter(), {}
      for from = 1, #whole, size do
        out[#out + 1] = some:feed(whole:sub(from, from + size - 1))
      end
      assert.equal(expected, table.concat(out), size)
      assert.same({ 3, 4 }, { some:counts() })
    end
  end)

  it("that is none passes nothing, for ever", function()
    for _, length in ipairs { 69633, 0x7fffffff, 0x80000000, 0xffffffff } do
      local some = filter()
      local out, why = some:feed(good .. string.pack(">I4", length) .. good)
      assert.is_nil(out)
      assert.matches("no stream of frames", why)
      assert.is_nil((some:feed(good)))
    end
  end)
end)

describe("The packet filter's rules", function()
  local function made(changes)
    local rules = { mac = frames.MAC, guest = 1, network = { address = 0, prefix = 24 }, host = 2,
      dns = 3 }
    for key, value in pairs(changes) do rules[key] = value end
    return pcall(net.filter, rules)
  end

  it("are refused if they are none", function()
    assert.is_true(made {})
    for _, changes in ipairs {
      { mac = "abc" }, { guest = -1 }, { guest = 1 << 32 }, { dns = "x" }, { hosts = 3 },
      { hosts = { 3 } }, { hosts = { { address = 1 } } },
      { hosts = { { address = 1, prefix = 33 } } }, { hosts = { { address = 1, prefix = 31 } } },
      { ports = { { from = 1 } } }, { ports = { { from = 1, to = 65536 } } }, { own = { "x" } },
    } do
      assert.is_false((made(changes)))
    end
  end)
end)
