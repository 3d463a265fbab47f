--- A journal's reader raises, as an error value, what it finds damaged in the middle of a list.
--- Here it becomes what a function that fails returns.

local err = require "kavach.err"

local M = {}

--- Runs `fn(…)`: its results, or nil and the error value that it raised.
---@param fn fun(...): ...
---@return any
---@return kavach.Error?
function M.run(fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  if err.is(results[2]) and not err.is(results[2], "cancelled") then return nil, results[2] end
  error(results[2], 0)
end

return M
