--- Has coroutines that scripts resume themselves be known to who interrupts, as tasks are.

local core = require "kavach.core"

local M = {}

local recorded = false

-- As coroutine.wrap does it (Lua 5.4, lcorolib.c); its place is that of who called the coroutine.
local function or_raise(co, ok, ...)
  if ok then return ... end
  if coroutine.status(co) ~= "dead" then error((...), 2) end
  local closed, why = coroutine.close(co)
  error(closed and (...) or why, 2)
end

--- From now on, for the whole of this Lua.
function M.record()
  if recorded or not core.program() then return end
  recorded = true
  local resume = core.resume
  function coroutine.resume(co, ...) -- luacheck: ignore 122
    return resume(co, nil, ...)
  end
  function coroutine.wrap(fn) -- luacheck: ignore 122
    local co = coroutine.create(fn)
    return function(...) return or_raise(co, resume(co, nil, ...)) end
  end
end

return M
