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

local LINE_SHOWN <const> = 60

-- How a batch of this process stands, and its jobs that run.
local function batch_text(session, name, batch)
  local plain, tables = require "kavach.plain", require "kavach.cli.table"
  local snapshot = batch.schedule:snapshot()
  local rows = { { "  JOB", "AGE", "ATTEMPT", "LAST LINE" } }
  for i, each in ipairs(snapshot.running) do
    rows[i + 1] = { "  " .. plain.text(each.job), tables.age(each.age_ms), tostring(each.attempt),
      tables.cut(plain.text(each.last_line or ""), LINE_SHOWN) }
  end
  local head = ("batch %s: %s%s\n"):format(name,
    require("kavach.cli.batch.words").tally(snapshot.counts), snapshot.paused and ", paused" or "")
  return #rows == 1 and head or head .. tables.text(rows, session.size.columns)
end

-- Those of this process, in order; none is loaded for it.
local function running_batches()
  local control = package.loaded["kavach.batch.control"]
  local names, batches = {}, control and control.batches() or {}
  for name in next, batches do names[#names + 1] = name end
  table.sort(names)
  return names, batches
end

M.jobs = {
  summary = "List what runs in the background (& EXPR starts it), and the jobs of a batch.",
  run = function(session)
    local names, batches = running_batches()
    for _, name in ipairs(names) do session:print(batch_text(session, name, batches[name])) end
    if session.jobs:count() > 0 then return session:print(session.jobs:table()) end
    if #names == 0 then session:print "nothing runs in the background\n" end
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
  if entry.kind == "lua" and not entry.background then return session:compile(entry) end
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
