-- Whom the guest may reach.

local refusal = require "kavach.sandbox.config.refusal"

local M = {}

-- Loaded when there is something for them to check.
local address, map

local function load()
  address = require "kavach.sandbox.network.address"
  map = require "kavach.sandbox.network.map"
end

---@class kavach.network.host
---@field text string as it was given
---@field name? string to be looked up when the sandbox is made, if there is no address yet
---@field address? integer
---@field prefix? integer

local function check_block(text)
  local block, must = address.block(text)
  if not block then return nil, must end
  for _, never in ipairs(map.NEVER) do
    if address.within(block, never.block) then
      return nil, ("one that a guest can reach, got '%s' (%s)"):format(text, never.what)
    end
  end
  local named = block.prefix == 32 and (block.address == map.HOST or block.address == map.DNS)
  if address.within(block, map.BLOCK) and not named then
    return nil, ("outside of the guest's own network, got '%s' (use \"host\" for the host's "
      .. "loopback, or %s for its name server)"):format(text, address.text(map.DNS))
  end
  return { text = text, address = block.address, prefix = block.prefix }
end

---One of allowed_hosts: an address, a block, a name, or "host" for the host's loopback.
---@param text string
---@return kavach.network.host?
---@return string? must
local function check_host(text)
  load()
  if text == "host" then
    return { text = text, name = text, address = map.HOST, prefix = 32 }
  end
  if text:find ":" then
    return nil, ("a name or an IPv4 address, got '%s' (a guest has no IPv6)"):format(text)
  end
  if address.is_name(text) then return { text = text, name = text } end
  if text:find "^[%d./]+$" then return check_block(text) end
  return nil, ("a host's name, an IPv4 address or a block of them, got %q"):format(text)
end

local function check_ports(given)
  load()
  return address.ports(given)
end

-- An empty list could mean nothing or everything.
local function not_empty(list)
  if #list > 0 then return list end
  return nil, "a list with something in it; leave it out to allow all, or say enabled = false"
end

M.options = {
  network = {
    fields = {
      enabled = { type = "boolean", default = false },
      allowed_hosts = { list = { type = "string", fn = check_host }, fn = not_empty },
      allowed_ports = {
        list = { type = { "integer", "string", "table" }, fn = check_ports }, fn = not_empty,
      },
    },
    default = {},
  },
  allowed_hosts = "any", allowed_ports = "any",
}

function M.check(checked)
  for _, name in ipairs { "allowed_hosts", "allowed_ports" } do
    if checked[name] ~= nil then
      return refusal(name, ("is a part of the network: network = { enabled = true, %s = … }")
        :format(name))
    end
    if checked.network[name] and not checked.network.enabled then
      return refusal("network." .. name, "needs network.enabled = true: without it the guest has "
        .. "no network at all")
    end
  end
  return true
end

return M
