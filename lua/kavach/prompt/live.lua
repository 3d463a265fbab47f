--- What is shown again and again in the same place, until it is interrupted.

local core = require "kavach.core"
local task = require "kavach.task"

local M = {}

-- The cursor goes up so many lines, and what is below it is erased (ECMA-48, 8.3.22 and 8.3.39).
local function up(count) return count > 0 and ("\27[%dA\27[J"):format(count) or "" end

-- The lines of a text that fit the terminal, none of them wrapped.
local function fitting(session, text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  local most = math.max(session.size.rows - 1, 1)
  if session.dumb or #lines <= most then return lines end
  local left = #lines - most + 1
  for i = #lines, most, -1 do lines[i] = nil end
  lines[most] = ("… %d lines more"):format(left)
  return lines
end

--- Shows what `render` gives, each `every` ms. It is rendered before what it takes the place of is
--- erased, and may wait.
---@param session kavach.prompt.session
---@param every integer
---@param render fun(): string text that ends in a newline, with lines that fit the terminal
function M.show(session, every, render)
  local before = 0
  while true do
    local begun = core.now()
    local lines = fitting(session, render())
    local text = #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
    session:print((session.dumb and "" or up(before)) .. text)
    before = #lines
    task.sleep(math.max(every - (core.now() - begun), 1))
  end
end

return M
