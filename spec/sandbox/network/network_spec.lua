local config = require "kavach.sandbox.config"
local frames = require "support.frames"
local host = require "support.host"
local net = require "kavach.net"
local network = require "kavach.sandbox.network"
local pair = require "support.pair"
local sandbox = require "kavach.sandbox"
local standin = require "support.standin"
local wire = require "kavach.sandbox.wire"

local address = require("kavach.sandbox.network.address").parse

local function open(options, on_broken)
  options.enabled = true
  return network.open(assert(config.check({ network = options }, 1)).network,
    on_broken or function() end)
end

-- The parts of the agent's step.
local function step_of(opened)
  local step = opened:step()
  assert.equal(wire.NETWORK, step.kind)
  local own, bits, gateway, dns, hosts = string.unpack("<I4I4I4I4z", step.payload)
  assert.same({ address "10.0.2.15", 24, address "10.0.2.2" }, { own, bits, gateway })
  return dns, hosts
end

describe("A network", function()
  it("tells the guest of a name server only if it may be asked", function()
    assert.equal(address "10.0.2.3", (step_of(assert(open {}))))
    assert.equal(0, (step_of(assert(open { allowed_hosts = { "203.0.113.1" } }))))
    assert.equal(0, (step_of(assert(open { allowed_ports = { 443 } }))))
    assert.equal(address "10.0.2.3", (step_of(assert(open { allowed_ports = { 443, 53 } }))))
    assert.equal(address "10.0.2.3", (step_of(assert(open { allowed_hosts = { "10.0.2.3" } }))))
  end)

  it("tells the guest the addresses of the names that it may reach", function()
    local _, hosts = step_of(assert(open { allowed_hosts = { "host", "203.0.113.1" } }))
    assert.equal("10.0.2.2 host\n", hosts)
    _, hosts = step_of(assert(open {}))
    assert.equal("", hosts)
  end)

  describe("with names", function()
    local lookup = net.lookup
    after_each(function() net.lookup = lookup end)

    -- From now on this is what all names resolve to; nobody outside is asked.
    local function resolve_to(addresses, why)
      net.lookup = function()
        local real = lookup "localhost"
        return { real = real, work = function() return real:work() end,
          addresses = function() return addresses, why end }
      end
    end

    it("lets the guest reach all their addresses, and tells it of them", function()
      resolve_to { address "203.0.113.1", address "203.0.113.2" }
      local opened = assert(open { allowed_hosts = { "a.example", "host" } })
      local _, hosts = step_of(opened)
      assert.equal("203.0.113.1 a.example\n203.0.113.2 a.example\n10.0.2.2 host\n", hosts)
      assert.is_true(opened.filter:allows(address "203.0.113.2", 80))
      assert.is_false(opened.filter:allows(address "203.0.113.3", 80))
    end)

    it("takes none for an address that means more than it seems", function()
      for text, hint in pairs {
        ["127.0.0.1"] = "\"host\"", ["10.0.2.2"] = "the guest's own network",
        ["169.254.169.254"] = "link-local", ["255.255.255.255"] = "broadcast",
      } do
        resolve_to { address "203.0.113.1", address(text) }
        local none, why = open { allowed_hosts = { "a.example" } }
        assert.is_nil(none)
        assert.equal("creation_failed", why.kind)
        assert.matches("'a.example' is " .. text .. ", ", why.message, 1, true)
        assert.matches(hint, why.message, 1, true)
      end
    end)

    it("is not made if one has no address, and says which", function()
      resolve_to(nil, "Name or service not known")
      local none, why = open { allowed_hosts = { "203.0.113.1", "none.example" } }
      assert.is_nil(none)
      assert.matches("'none.example' cannot be resolved: Name or service not known", why.message,
        1, true)
    end)

    it("asks this machine's resolver", function()
      local none, why = open { allowed_hosts = { "localhost" } }
      assert.is_nil(none)
      assert.matches("'localhost' is 127.0.0.1, loopback", why.message, 1, true)
    end)
  end)

  it("never lets a guest reach this machine by one of its own addresses", function()
    local own = {}
    for _, number in ipairs(net.own_addresses()) do own[number] = true end
    assert.is_true(own[address "127.0.0.1"])
    local opened = assert(open {})
    for number in pairs(own) do assert.is_false(opened.filter:allows(number, 80)) end
  end)

  it("keeps count, and says in words what was refused", function()
    local opened = assert(open { allowed_hosts = { "host" }, allowed_ports = { 80 } })
    local sent = { frames.tcp("10.0.2.2", 80), frames.tcp("10.0.2.2", 81),
      frames.udp("203.0.113.1", 53), frames.icmp "10.0.2.2", frames.arp { operation = 3 } }
    for _, frame in ipairs(sent) do opened.relay:take(frames.framed(frame)) end
    assert.same({ passed = 1, dropped = 4,
      refused = { "10.0.2.2:81/tcp", "203.0.113.1:53/udp", "10.0.2.2/icmp" } }, opened:stats())
  end)
end)

describe("A sandbox whose network cannot be set up", function()
  setup(standin.setup)
  teardown(standin.teardown)

  it("runs nothing", function()
    -- The agent refuses where it is not in a guest; it may say that it is ready before.
    local box, why = sandbox.new(standin.options(standin.native(), {
      network = { enabled = true },
    }))
    if box then
      local result
      result, why = box:exec "true"
      box:close()
      assert.is_nil(result)
    end
    assert.equal("creation_failed", why.kind)
    assert.matches("the guest's network", why.message, 1, true)
  end)
end)

describe("A network's relay", function()
  local good, bad = frames.framed(frames.tcp("203.0.113.1", 80)), frames.framed "bad"

  -- An open one, and QEMU's ends of its two sockets.
  local function connected(on_broken)
    local opened = assert(open({}, on_broken))
    local from_qemu, outward = pair.connect()
    local to_qemu, inward = pair.connect()
    local handlers = opened:sockets()
    handlers["net-out.sock"](from_qemu)
    handlers["net-in.sock"](to_qemu)
    return opened, outward, inward
  end

  it("gives back what may go on, and nothing else", function()
    local opened, outward, inward = connected()
    outward:write(bad .. good .. bad .. good)
    local got = ""
    while #got < 2 * #good do got = got .. assert(inward:read()) end
    assert.equal(good .. good, got)
    assert.same({ 2, 2 }, { opened.filter:counts() })
    outward:close()
    inward:close()
  end)

  it("answers what it refuses, so that the guest need not wait", function()
    local opened, outward, inward = connected()
    local to_guest, back = pair.connect()
    opened:sockets()["net-back.sock"](to_guest)
    outward:write(frames.framed(frames.tcp("127.0.0.1", 80)))
    assert.equal("\0\0\0\70" .. frames.MAC, assert(back:read()):sub(1, 10))
    for _, stream in ipairs { outward, inward, back } do stream:close() end
  end)

  it("closes both ways for a stream that is none, and tells", function()
    local cause
    local _, outward, inward = connected(function(why) cause = why end)
    outward:write(good .. "\xff\xff\xff\xff" .. good)
    assert.is_nil((inward:read()))
    assert.is_true(host.eventually(function() return cause end))
    assert.matches("network is cut off", cause.message)
    assert.is_nil((outward:read()))
    outward:close()
    inward:close()
  end)

  it("closes both ways when QEMU closes one", function()
    local _, outward, inward = connected()
    outward:close()
    assert.is_nil((inward:read()))
    inward:close()
  end)

  it("loses what QEMU does not take, and holds no more than a bound of it", function()
    local opened, outward, inward = connected()
    local many = frames.framed(frames.tcp("203.0.113.1", 80, { data = ("x"):rep(1460) })):rep(40)
    local fed = 0
    while opened.relay.lost == 0 and fed < 64 * 1024 * 1024 do
      opened.relay:take(many)
      fed = fed + #many
    end
    assert.is_true(opened.relay.lost > 0)
    assert.is_true(opened.relay.inward.unsent <= 1024 * 1024)
    outward:close()
    inward:close()
  end)
end)
