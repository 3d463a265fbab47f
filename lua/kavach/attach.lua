--- kavach beside luv: its loop stays its own, and luv's loop drives it.
---
--- The two must not share a loop (their libuv may be two different ones), so luv watches the
--- descriptor and the next timer of ours, and runs ours when either has something.

local core = require "kavach.core"
local scheduler = require "kavach.task.scheduler"

local M = {}

--- Has the loop of `uv` (luv's module) drive kavach's tasks. Returns a function that ends it; run
--- luv's loop once more after it, as luv wants it for handles that were closed. A task's failure
--- that nobody takes is an error of luv's callback.
---@param uv table
---@return fun()
function M.attach(uv)
  if type(uv) ~= "table" or not uv.new_poll then
    error("attach: the argument is luv's module, as require 'luv' returns it", 2)
  end
  local descriptor = core.backend()
  local poll, timer, prepare = uv.new_poll(descriptor), uv.new_timer(), uv.new_prepare()

  local function pump()
    core.poll "nowait"
    while scheduler.step() do core.poll "nowait" end
    scheduler.raise_failure()
    local _, timeout = core.backend()
    if timeout >= 0 then timer:start(timeout, 0, function() end) else timer:stop() end
    -- luv's loop goes on for as long as ours has something to wait for
    if core.alive() then poll:ref() else poll:unref() end
  end

  poll:start("r", pump)
  prepare:start(pump) -- before each wait of luv's loop: takes in what was started meanwhile
  uv.unref(prepare)
  uv.unref(timer)
  return function()
    for _, handle in ipairs { poll, timer, prepare } do
      if not handle:is_closing() then handle:close() end
    end
  end
end

return M
