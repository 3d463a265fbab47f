--- Dot commands about the prompt itself, and what is entered in it.

local core = require "kavach.core"
local entries = require "kavach.prompt.entry"

local M = {}

M.help = {
  usage = "[NAME]", summary = "Explain the prompt, a command, or a part of kavach.",
  arguments = "expression",
  run = function(session, rest)
    require("kavach.prompt.commands").help(session, (rest:gsub("%?$", "")))
  end,
}

M.quit = {
  summary = "Leave, as Ctrl-D does; asks if sandboxes or jobs would end.",
  run = function(session) session:leave() end,
}

M.jobs = {
  summary = "List what runs in the background: & EXPR starts it, .kill N ends it.",
  run = function(session)
    if session.jobs:count() == 0 then return session:print "nothing runs in the background\n" end
    session:print(session.jobs:table())
  end,
}

M.trace = {
  summary = "Show where the last error came from, all of it.",
  run = function(session)
    if not session.failure then return session:print "there was no error\n" end
    session:print(require("kavach.prompt.trace").whole(session.failure, session:options()))
  end,
}

--- What is given behind a command, compiled; or nil, when what is wrong with it has been said.
---@return function?
local function expression(session, rest, usage)
  local entry = entries.parse(rest, session.count)
  if entry.kind == "lua" and not entry.background then
    session.kept.declare(entry.names)
    return assert(load(entry.chunk, entry.chunk_name, "t", session.env))
  end
  session:complain(entry.kind == "error" and entry.message
    or entry.kind == "more" and "the expression is not finished"
    or ("what is it to do? .%s"):format(usage))
end

M.time = {
  usage = "EXPR", summary = "Evaluate, and say how long that took.", arguments = "expression",
  run = function(session, rest)
    local chunk = expression(session, rest, "time EXPR")
    if not chunk then return end
    local begun, cpu = core.hrtime(), os.clock()
    session:run(chunk)
    local wall = (core.hrtime() - begun) / 1e6
    session:print(("%.3f ms, of which this process computed %.3f\n"):format(wall,
      (os.clock() - cpu) * 1e3))
  end,
}

local WATCH_MS <const> = 1000

M.watch = {
  usage = "[SECONDS] EXPR", summary = "Evaluate again and again, each second, until Ctrl-C.",
  arguments = "expression",
  run = function(session, rest)
    local seconds, text = rest:match "^(%d+%.?%d*)%s+(.+)$"
    local chunk = expression(session, text or rest, "watch [SECONDS] EXPR")
    if not chunk then return end
    local show, trace = require "kavach.prompt.show", require "kavach.prompt.trace"
    require("kavach.prompt.live").show(session, math.ceil((tonumber(seconds) or 1) * WATCH_MS),
      function()
        local outcome = table.pack(session:call(chunk))
        if outcome[1] then
          return show.values(table.pack(table.unpack(outcome, 2, outcome.n)), session:options())
        end
        if session.task.cancelled then error(session.task.cancelled, 0) end
        session.failure = outcome[2]
        return trace.short(outcome[2], session:options())
      end)
  end,
}

return M
