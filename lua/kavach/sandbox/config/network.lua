-- Whom the guest may reach.

local refusal = require "kavach.sandbox.config.refusal"

local M = {}

M.options = {
  network = { fields = { enabled = { type = "boolean", default = false } }, default = {} },
  allowed_hosts = "any", allowed_ports = "any",
}

function M.check(checked)
  for _, name in ipairs { "allowed_hosts", "allowed_ports" } do
    if checked[name] ~= nil then
      return refusal(name, "is not enforced in this version, so it is refused: leave it out")
    end
  end
  if checked.network.enabled then
    return refusal("network.enabled", "= true is not available in this version")
  end
  return true
end

return M
