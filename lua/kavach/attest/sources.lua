--- Evidence one after the other, from files and from the lines of standard input, for
--- kavach.attest.bulk. Nothing is kept of what was given.

local core = require "kavach.core"
local err = require "kavach.err"
local evidences = require "kavach.attest.evidence"
local task = require "kavach.task"

local M = {}

local STDIN <const> = 0

-- ---- lines -------------------------------------------------------------------------------------

-- A reader of lines that are not longer than evidence may be. Each call gives a line; true for one
-- that was longer, of which nothing is kept; false if there is none for now; nil at the end; nil
-- and an error.
local function line_reader(raw)
  local rest, at, ended, skipping = "", 1, false, false
  local function take_rest()
    if skipping then
      skipping = false
      return true
    end
    local line = rest:sub(at)
    rest, at = "", 1
    if line == "" then return nil end
    return line
  end
  return function()
    while true do
      local stop = rest:find("\n", at, true)
      if stop then
        local line = rest:sub(at, stop - 1)
        at = stop + 1
        if not skipping then return line end
        skipping = false
        return true
      end
      if ended then return take_rest() end
      if #rest - at + 1 > evidences.MAX_SIZE then skipping = true end
      rest, at = skipping and "" or rest:sub(at), 1
      local bytes, message = raw:try_read(1 << 16)
      if bytes == nil then return nil, err.new("io", "standard input: " .. message) end
      if bytes == false then return false end
      ended = bytes == ""
      rest = rest .. bytes
    end
  end
end

local function wait_for_more(raw)
  task.wait(function(done)
    raw:wait_read(done)
    return function() raw:cancel_read() end
  end)
end

local function item_of(line, number)
  local evidence, why
  if line == true then
    why = err.new("invalid_argument", ("too large: more than %d bytes"):format(evidences.MAX_SIZE))
  else
    evidence, why = evidences.parse(line)
  end
  return { evidence = evidence, error = why, source = "-", line = number }
end

--- The evidence on standard input, one a line; empty lines are skipped.
local function from_stdin()
  local raw, message = core.stream(STDIN)
  if not raw then
    local why = err.new("io", "standard input: " .. message)
    local given = false
    return function()
      if given then return nil end
      given = true
      return { error = why, source = "-" }
    end
  end
  local next_line, number, asked, done = line_reader(raw), 0, false, false
  return function()
    while not done do
      local line, why = next_line()
      if why then
        done = true
        return { error = why, source = "-", line = number + 1 }
      elseif line == nil then
        done = true
        raw:close()
      elseif line == false then
        if not asked then
          asked = true
          return false
        end
        wait_for_more(raw)
      else
        asked = false
        number = number + 1
        if line == true or line:find "%S" then return item_of(line, number) end
      end
    end
  end
end

-- ---- files -------------------------------------------------------------------------------------

local function from_file(path)
  local evidence, why = evidences.load(path)
  return { evidence = evidence, error = why, source = path }
end

--- An iterator for kavach.attest.bulk over files, folders, and "-".
---@param paths string[]
---@return fun(): kavach.BulkItem|false|nil
function M.of(paths)
  local at, lines = 0, nil
  return function()
    while true do
      if lines then
        local item = lines()
        if item ~= nil then return item end
        lines = nil
      end
      at = at + 1
      local path = paths[at]
      if path == nil then return nil end
      if path ~= "-" then return from_file(path) end
      lines = from_stdin()
    end
  end
end

return M
