--- Batches that are Lua scripts: loaded with their arguments, they return the batch.

local batches = require "kavach.batch"
local core = require "kavach.core"
local err = require "kavach.err"
local file = require "kavach.file"

local M = {}

local MOST <const> = 16 * 1024 * 1024

-- As a script finds its arguments in lua5.4.
local function arguments_of(path, arguments)
  local list = table.move(arguments, 1, #arguments, 1, { [0] = path })
  return list
end

-- The traceback ends with the script: who called that is of no interest.
local function describe(e)
  if err.is(e) then return e end
  return (debug.traceback(tostring(e), 2):gsub("\n%s*%[C%]: in function 'xpcall'.*", ""))
end

-- What there is not may be meant as a verb, or have lost its ending.
local function missing(path, why)
  local actions = require("kavach.cli.batch").actions
  local nearest = not path:find "[/.]" and require("kavach.check").nearest(path, actions)
  if not nearest then return nil, why end
  return err.fail("io", ("%s (did you mean 'kavach batch %s'?)"):format(tostring(why), nearest))
end

---Runs the script to the batch that it returns.
---@param path string
---@param arguments string[]
---@param overrides table options of the batch that the command line gives
---@return kavach.Batch?
---@return kavach.Error?
function M.load(path, arguments, overrides)
  local text, why = file.read_all(path, MOST)
  if not text then return missing(path, why) end
  local chunk, message = load(text, "@" .. path)
  if not chunk then return err.fail("invalid_argument", message) end
  local before = arg
  _G.arg = arguments_of(path, arguments)
  local fine, batch = batches.overriding(overrides, function()
    return xpcall(chunk, describe, table.unpack(arguments))
  end)
  _G.arg = before
  if not fine then
    if err.is(batch, "cancelled") then error(batch, 0) end
    return err.fail("invalid_argument", tostring(batch))
  end
  if not batches.is(batch) then
    return err.fail("invalid_argument", ("%s: it must return its batch (kavach.batch{…}), and "
      .. "returns a %s"):format(path, type(batch)))
  end
  batch.origin = {
    form = "script", script = require("kavach.sandbox.config").absolute(path),
    digest = "xxh128:" .. core.hash(text),
  }
  return batch
end

return M
