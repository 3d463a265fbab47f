-- The network of one sandbox: names are looked up, the filter gets its rules, QEMU its options and
-- the agent its step.

local core = require "kavach.core"
local err = require "kavach.err"
local task = require "kavach.task"
local address = require "kavach.sandbox.network.address"
local map = require "kavach.sandbox.network.map"
local relay = require "kavach.sandbox.network.relay"
local wire = require "kavach.sandbox.wire"

local OUTWARD <const>, INWARD <const> = "net-out.sock", "net-in.sock"
local BACK <const> = "net-back.sock"
local DNS_PORT <const> = 53
local PROTOCOLS <const> = { [1] = "icmp", [6] = "tcp", [17] = "udp" }

---@class kavach.network
---@field filter userdata
---@field relay kavach.network.relay
local network = {}
network.__index = network

local net -- the C module, loaded when there is a network

local function failed(message, ...)
  return err.fail("creation_failed", message:format(...), { op = "sandbox" })
end

-- ---- names -------------------------------------------------------------------------------------

-- Why an address is not taken from a name: whoever runs the name server could point it there.
local function objection(number, own)
  local one = { address = number, prefix = 32 }
  for _, never in ipairs(map.NEVER) do
    if address.within(one, never.block) then return never.what end
  end
  if address.within(one, map.BLOCK) then return "the guest's own network" end
  if address.within(one, map.LINK_LOCAL) then
    return "link-local: list the address itself if it is meant"
  end
  for _, mine in ipairs(own) do
    if mine == number then
      return "an address of this machine: list the address itself if it is meant"
    end
  end
end

---The addresses of a name, as this machine resolves it. Waits.
---@param name string
---@return integer[]? addresses
---@return string? why
local function look_up(name)
  local lookup = net.lookup(name)
  -- What a thread is at cannot be called off: who stops waiting leaves it behind.
  task.wait(function(done)
    core.work(lookup:work(), lookup, done)
    return function() end
  end)
  return lookup:addresses()
end

local function add_named(host, own, blocks, lines)
  local found, why = look_up(host.name)
  if not found then
    return failed("network.allowed_hosts: '%s' cannot be resolved: %s", host.name, why)
  end
  for _, number in ipairs(found) do
    local wrong = objection(number, own)
    if wrong then
      return failed("network.allowed_hosts: '%s' is %s, %s", host.name, address.text(number), wrong)
    end
    blocks[#blocks + 1] = { address = number, prefix = 32 }
    lines[#lines + 1] = ("%s %s\n"):format(address.text(number), host.name)
  end
  return true
end

-- The blocks that may be reached, and lines for the guest's /etc/hosts.
local function resolve(hosts, own)
  local blocks, lines = {}, {}
  for _, host in ipairs(hosts) do
    if host.address then
      blocks[#blocks + 1] = { address = host.address, prefix = host.prefix }
      if host.name then
        lines[#lines + 1] = ("%s %s\n"):format(address.text(host.address), host.name)
      end
    else
      local ok, why = add_named(host, own, blocks, lines)
      if not ok then return nil, why end
    end
  end
  return blocks, table.concat(lines)
end

-- ---- the network -------------------------------------------------------------------------------

---What QEMU is told of it: an option of core.qemu_argv.
---@return table
function network.launch()
  return {
    mac = map.MAC, host = address.text(map.HOST), dns = address.text(map.DNS),
    block = ("%s/%d"):format(address.text(map.BLOCK.address), map.BLOCK.prefix),
    outward = OUTWARD, inward = INWARD, back = BACK,
  }
end

---Makes one. Waits while names are looked up.
---@param config table checked: the sandbox's `network`, enabled
---@param on_broken fun(cause: kavach.Error) called once, if what comes from QEMU makes no sense
---@return kavach.network?
---@return kavach.Error?
function network.open(config, on_broken)
  net = net or require "kavach.net"
  local own, why = net.own_addresses()
  if not own then return failed("%s", why) end
  local blocks, lines
  if config.allowed_hosts then
    blocks, lines = resolve(config.allowed_hosts, own)
    if not blocks then return nil, lines end
  end
  local self = setmetatable({ hosts = lines or "" }, network)
  self.filter = net.filter {
    mac = map.MAC:gsub("(%x%x):?", function(digits) return string.char(tonumber(digits, 16)) end),
    guest = map.GUEST, network = map.BLOCK, host = map.HOST, dns = map.DNS,
    hosts = blocks, ports = config.allowed_ports, own = own,
  }
  self.relay = relay.new(self.filter, function(reason)
    on_broken(err.new("io", "the guest's network is cut off: from QEMU " .. reason))
  end)
  return self
end

---What the agent does for it.
---@return kavach.setup.step
function network:step()
  local dns = self.filter:allows(map.DNS, DNS_PORT) and map.DNS or 0
  return {
    what = "the guest's network",
    kind = wire.NETWORK,
    payload = string.pack("<I4I4I4I4z", map.GUEST, map.BLOCK.prefix, map.HOST, dns, self.hosts),
  }
end

---Who gets QEMU's connections, by the names of their sockets.
---@return table<string, fun(stream: userdata)>
function network:sockets()
  return {
    [OUTWARD] = function(stream) self.relay:attach_outward(stream) end,
    [INWARD] = function(stream) self.relay:attach("inward", stream) end,
    [BACK] = function(stream) self.relay:attach("back", stream) end,
  }
end

---@class kavach.NetworkStats
---@field passed integer frames that the guest sent and that went on
---@field dropped integer frames that did not
---@field refused string[] where the first of those wanted to go, up to 16: "192.0.2.1:443/tcp"

---@return kavach.NetworkStats
function network:stats()
  local passed, dropped = self.filter:counts()
  local refused = {}
  for i, flow in ipairs(self.filter:refused()) do
    local port = flow.port > 0 and ":" .. flow.port or ""
    refused[i] = ("%s%s/%s"):format(address.text(flow.address), port, PROTOCOLS[flow.protocol])
  end
  return { passed = passed, dropped = dropped, refused = refused }
end

return network
