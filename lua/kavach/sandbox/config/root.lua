-- Where the guest's root file system comes from.

local refusal = require "kavach.sandbox.config.refusal"

local M = {}

M.options = { image = "any", root = "any" }

function M.check(checked)
  for _, name in ipairs { "image", "root" } do
    if checked[name] ~= nil then
      return refusal(name, "is not enforced in this version, so it is refused: leave it out")
    end
  end
  return true
end

return M
