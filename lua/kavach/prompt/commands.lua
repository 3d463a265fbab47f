--- The prompt's dot commands: each file in the folder beside this one returns some of them,
---
---   { name = {
---       usage = "ID [CMD]",       -- behind the name
---       summary = "One line.",
---       arguments = "sandbox",    -- what completes: also "running" (a sandbox or a job), "file",
---                                 -- "expression"
---       run = function(session, rest) … end,   -- in the entry's task; may wait
---   } }
---
--- A command that finds something wrong says so by session:complain.

local check = require "kavach.check"

local M = {}

local FILES <const> = { "sandboxes", "live", "files", "session" }

-- As help lists them.
local ORDER <const> = {
  "help", "ps", "top", "attach", "exec", "logs", "kill", "jobs", "doctor", "load", "reload",
  "save", "time", "watch", "trace", "quit",
}

local all

--- Every command, by its name.
---@return table<string, table>
function M.all()
  if all then return all end
  all = {}
  for _, file in ipairs(FILES) do
    local commands = require("kavach.prompt.commands." .. file)
    for name, command in next, commands do all[name] = command end
  end
  return all
end

---@return string[] in the order that help lists them in
function M.names() return ORDER end

--- The name and its arguments.
function M.usage(name)
  local usage = M.all()[name].usage
  return "." .. name .. (usage and " " .. usage or "")
end

---@param session kavach.prompt.session
---@param name string
---@param rest string
function M.run(session, name, rest)
  local command = M.all()[name]
  if command then return command.run(session, rest) end
  local nearest = check.nearest(name, ORDER)
  session:complain(("there is no command .%s%s; .help lists them"):format(name,
    nearest and (" (did you mean .%s?)"):format(nearest) or ""))
end

local HEAD <const> = [[
Lua is entered as it is, over several lines if need be; what it gives is shown, and kept in _
(and _1, _2, …). What waits can be interrupted by Ctrl-C. & before it runs it in the background.
A name with ? behind it (kavach.sandbox?) is explained; Tab completes, Ctrl-R searches what was
entered, Ctrl-_ takes back what was done to the line.

]]

local function list()
  local tables = require "kavach.cli.table"
  local rows = {}
  for i, name in ipairs(ORDER) do rows[i] = { "  " .. M.usage(name), M.all()[name].summary } end
  return HEAD .. tables.text(rows)
end

--- Explains a command, a part of kavach, or, without a subject, the prompt.
---@param session kavach.prompt.session
---@param subject? string
function M.help(session, subject)
  if not subject or subject == "" then return session:print(list()) end
  local name = subject:match "^%.(%a+)$" or M.all()[subject] and subject
  local command = name and M.all()[name]
  if command then
    return session:print(("%s\n%s\n%s"):format(M.usage(name), command.summary,
      command.details and command.details .. "\n" or ""))
  end
  local text, why = require("kavach.prompt.subject").explain(session, subject)
  if text then session:print(text) else session:complain(why) end
end

return M
