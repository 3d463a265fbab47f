--- What came as JSON, with nil where it has null.

local M = {}

---@param value any
---@return any
function M.without_null(value)
  local null = require("kavach.json").null
  if value == null then return nil end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, each in next, value do out[key] = M.without_null(each) end
  return out
end

return M
