--- `kavach` on a terminal: the prompt of this process.

local core = require "kavach.core"

local M = {}

local PROMPT <const> = "kavach> "

--- Starts the front end on this process's terminal.
---@return userdata? front of kavach.core
---@return kavach.Stream|string stream to it, or why not
function M.front_end()
  -- Nothing else is loaded before it: it starts while the rest is.
  local front, raw = core.front_end((require("kavach.xdg").state("history", "the history")))
  if not front then return nil, raw end
  return front, require("kavach.stream").wrap(raw, "the prompt")
end

local function banner()
  return ("kavach %s, %s. .help explains, Tab completes, Ctrl-D leaves."):format(core.version,
    _VERSION)
end

-- What ends with this process, besides the prompt's own jobs.
local function what_ends()
  local list = {}
  local boxes = #require("kavach.sandbox.registry").list()
  local tasks = require("kavach.task.scheduler").unfinished()
  if boxes > 0 then list[1] = boxes == 1 and "a sandbox" or boxes .. " sandboxes" end
  if tasks > 0 then list[#list + 1] = "what the script does" end
  return list
end

--- Is the prompt until it is left.
---@param extra? { quiet: boolean? } quiet: without the line that greets
---@return integer exit_code
function M.run(extra)
  local front, talk = M.front_end()
  if not front then
    io.stderr:write("kavach: ", talk, "\n")
    return 1
  end
  local session = require("kavach.prompt.session").new {
    read = function() return (talk:read()) end,
    write = function(bytes) return (talk:write(bytes)) end,
    write_some = function(bytes) return (talk.raw:try_write(bytes)) end,
    globals = _G, prompt = PROMPT, ends = what_ends,
    banner = not (extra and extra.quiet) and banner() or nil,
  }
  local scheduler = require "kavach.task.scheduler"
  session.terminal = os.getenv "TERM"
  scheduler.outlive_failures(function(...) session:task_failed(...) end)
  session.on_end = function() scheduler.call_off "the prompt was left" end
  -- Not by the main thread: what waits where Lua cannot yield would hold that up.
  scheduler.background(session.serve, session):await()
  talk:close()
  local code = front:close()
  scheduler.abandon()
  return code or 0
end

return M
