--- What an entry asks for, by its kind: each is called in the entry's task, and may wait.

local commands = require "kavach.prompt.commands"

---@type table<string, fun(session: kavach.prompt.session, entry: kavach.prompt.entry)>
local perform = {}

function perform.empty() end

function perform.error(session, entry)
  session:complain(entry.message)
end

function perform.help(session, entry)
  commands.help(session, entry.subject)
end

function perform.command(session, entry)
  commands.run(session, entry.name, entry.rest)
end

function perform.lua(session, entry)
  for _, note in ipairs(entry.notes or {}) do session:print(session:paint("33", note) .. "\n") end
  local chunk = session:compile(entry)
  if entry.background then return session.jobs:start(entry.source, chunk) end
  session:run(chunk)
end

return perform
