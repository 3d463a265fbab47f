local address = require "kavach.sandbox.network.address"
local config = require "kavach.sandbox.config"

local function checked(network) return assert(config.check({ network = network }, 1)).network end

local function raised(network)
  local ok, message = pcall(config.check, { network = network }, 1)
  assert.is_false(ok)
  return message
end

local function hosts(...) return { enabled = true, allowed_hosts = { ... } } end
local function ports(...) return { enabled = true, allowed_ports = { ... } } end

describe("A sandbox's network", function()
  it("is none by default", function()
    assert.same({ enabled = false }, assert(config.check({}, 1)).network)
    assert.is_true(checked { enabled = true }.enabled)
  end)

  it("takes addresses, blocks, names and the host", function()
    assert.same({
      { text = "192.0.2.1", address = 0xc0000201, prefix = 32 },
      { text = "10.0.0.0/8", address = 0x0a000000, prefix = 8 },
      { text = "0.0.0.0/0", address = 0, prefix = 0 },
      { text = "10.0.2.3", address = 0x0a000203, prefix = 32 },
      { text = "169.254.169.254", address = 0xa9fea9fe, prefix = 32 },
      { text = "host", name = "host", address = 0x0a000202, prefix = 32 },
      { text = "pypi.example.org", name = "pypi.example.org" },
      { text = "db", name = "db" }, { text = "3com.example.", name = "3com.example." },
    }, checked(hosts("192.0.2.1", "10.0.0.0/8", "0.0.0.0/0", "10.0.2.3", "169.254.169.254", "host",
      "pypi.example.org", "db", "3com.example.")).allowed_hosts)
  end)

  it("takes ports and ranges of them", function()
    assert.same({ { from = 1, to = 1 }, { from = 65535, to = 65535 }, { from = 443, to = 443 },
      { from = 8000, to = 8010 }, { from = 20, to = 21 } },
      checked(ports(1, 65535, "443", "8000-8010", { from = 20, to = 21 })).allowed_ports)
  end)

  it("refuses what is no host", function()
    for _, bad in ipairs {
      "", " ", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4/33", "1.2.3.4/",
      "1.2.3.4/x", "1.2.3.4 ", "0x7f.1", "1.2.3.0x4",
      "a..b", ".a", "-a", "a-", "a b", "a/8", "a\nb", "a\0b",
      ("a"):rep(64), ("a."):rep(127) .. "a", "::1", "fe80::1", "http://a", "a:80", "*.example.org",
      "b\195\188cher.example",
    } do
      assert.matches("network.allowed_hosts[1] must be", raised(hosts(bad)), 1, true)
    end
    assert.matches("no IPv6", raised(hosts "::1"), 1, true)
    assert.matches("10.0.0.0/8, got '10.1.2.3/8'", raised(hosts "10.1.2.3/8"), 1, true)
  end)

  it("refuses hosts that no guest can reach, and says what to use", function()
    for host, hint in pairs {
      ["127.0.0.1"] = 'use "host"', ["127.0.0.0/8"] = 'use "host"', ["0.0.0.0"] = "not an address",
      ["224.0.0.1"] = "multicast", ["255.255.255.255"] = "broadcast", ["240.0.0.0/4"] = "reserved",
      ["10.0.2.0/24"] = 'use "host"', ["10.0.2.15"] = 'use "host"', ["10.0.2.2/31"] = 'use "host"',
    } do
      assert.matches(hint, raised(hosts(host)), 1, true)
    end
  end)

  it("refuses what is no port", function()
    for _, bad in ipairs {
      0, -1, 65536, "0", "65536", "80-", "-80", "80-79", "x", "", "8 0", "0x50",
      "99999999999999999999", {}, { from = 1 }, { to = 1 }, { from = 2, to = 1 },
      { from = 0, to = 1 }, { from = 1, to = 2, x = 3 }, { from = "1", to = "2" },
    } do
      assert.matches("network.allowed_ports[1] must be", raised(ports(bad)), 1, true)
    end
    assert.matches("allowed_ports", raised(ports(80.5)), 1, true)
  end)

  it("refuses lists that are empty, and lists without a network", function()
    for _, name in ipairs { "allowed_hosts", "allowed_ports" } do
      assert.matches("leave it out", raised { enabled = true, [name] = {} }, 1, true)
      local value = name == "allowed_hosts" and "host" or "80"
      local none, why = config.check({ network = { [name] = { value } } }, 1)
      assert.is_nil(none)
      assert.matches(("network.%s needs network.enabled = true"):format(name), why.message, 1, true)
    end
  end)

  it("says where the lists belong, and names the nearest key", function()
    local none, why = config.check({ allowed_hosts = { "host" } }, 1)
    assert.is_nil(none)
    assert.matches("network = { enabled = true, allowed_hosts", why.message, 1, true)
    assert.matches("did you mean 'allowed_hosts'", raised { allowed_host = {} }, 1, true)
  end)
end)

describe("An address", function()
  it("is a number, and text again", function()
    assert.equal(0xffffffff, address.parse "255.255.255.255")
    assert.equal(0, address.parse "0.0.0.0")
    for _, text in ipairs { "0.0.0.0", "10.0.2.15", "255.255.255.255" } do
      assert.equal(text, address.text(address.parse(text)))
    end
  end)

  it("is in a block with all of its own", function()
    local function within(inner, outer)
      return address.within(address.block(inner), address.block(outer))
    end
    assert.is_true(within("10.0.2.2", "10.0.2.0/24"))
    assert.is_true(within("10.0.2.0/24", "10.0.2.0/24"))
    assert.is_true(within("1.2.3.4", "0.0.0.0/0"))
    assert.is_false(within("10.0.0.0/8", "10.0.2.0/24"))
    assert.is_false(within("10.0.3.0", "10.0.2.0/24"))
  end)
end)
