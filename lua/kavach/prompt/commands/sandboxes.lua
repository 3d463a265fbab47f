--- Dot commands for sandboxes, of this host and of this user's others: by their control sockets.

local client = require "kavach.sandbox.control.client"
local remote = require "kavach.sandbox.control.command"
local task = require "kavach.task"
local waiters = require "kavach.sandbox.waiters"

local M = {}

-- ---- finding one -------------------------------------------------------------------------------

-- Calls fn with a connection to the sandbox's host and what ps tells of it. What is wrong is said.
-- `whole`: the beginning of an id is not enough.
local function with_sandbox(session, name, fn, whole)
  local found, why = client.find(name)
  if not found then return session:complain((why.message:gsub("kavach ps", ".ps"))) end
  if whole and found.box.name ~= name and found.box.id ~= name then
    return session:complain(("there is no job %s, and no sandbox of that name"):format(name))
  end
  local connection <close>, trouble = client.connect(found.host)
  if not connection then return session:complain(trouble.message) end
  return fn(connection, found.box)
end

local function first_word(rest) return rest:match "^(%S+)%s*(.*)$" end

-- How a command ended, if that is worth a word.
local function tell_exit(session, name, exit, why)
  if why then return session:complain(why.message) end
  if exit.signal then return session:complain(("%s: signal %d"):format(name, exit.signal)) end
  if exit.exit_code == 0 then return end
  session:complain(("%s: exit code %d"):format(name, exit.exit_code))
end

-- ---- ps ----------------------------------------------------------------------------------------

M.ps = {
  summary = "List the sandboxes that run, whatever program has them.",
  run = function(session)
    local found, why = client.look_around()
    if not found then return session:complain(why.message) end
    local rows = require("kavach.cli.sandbox.listing").rows(found)
    if #rows == 1 then return session:print "no sandbox runs\n" end
    session:print(require("kavach.cli.table").text(rows, session.size.columns))
  end,
}

-- ---- exec, logs --------------------------------------------------------------------------------

-- Prints what a guest's stream says, made fit for a terminal.
local function copy(session, from)
  local lines = require("kavach.sandbox.lines").new()
  for bytes in function() return from:read() end do session:print(lines:feed(bytes)) end
  local rest = lines:finish()
  if rest ~= "" then session:print(rest .. "\n") end
end

M.exec = {
  usage = "ID CMD", summary = "Run a line of the guest's shell in a sandbox.",
  arguments = "sandbox",
  run = function(session, rest)
    local name, line = first_word(rest)
    if not name or line == "" then return session:complain "what is to run? .exec ID CMD" end
    with_sandbox(session, name, function(connection, box)
      local running <close>, why = remote.start(connection, { id = box.id, command = line })
      if not running then return session:complain(why.message) end
      running:close_stdin()
      task.scope(function()
        task.spawn(copy, session, running.stdout)
        task.spawn(copy, session, running.stderr)
      end)
      tell_exit(session, name, running:wait())
    end)
  end,
}

M.logs = {
  usage = "ID [-f]", summary = "Show what a sandbox's command has printed; -f: and what it will.",
  arguments = "sandbox",
  run = function(session, rest)
    local follow = false
    local name = rest:gsub("%-f", function()
      follow = true
      return ""
    end):match "%S+"
    if not name then return session:complain "whose? .logs ID [-f]" end
    with_sandbox(session, name, function(connection, box)
      local asked, why = connection:call("logs", { id = box.id, follow = follow })
      if asked then copy(session, asked.output) end
      local result
      if asked then result, why = asked:wait() end
      if not result and why.message:find("not started with a command", 1, true) then
        -- What the guest itself prints is all there is then.
        asked, why = connection:call("logs", { id = box.id, follow = follow, console = true })
        if asked then copy(session, asked.output) end
        if asked then result, why = asked:wait() end
      end
      if not result then session:complain(why.message) end
    end)
  end,
}

-- ---- attach ------------------------------------------------------------------------------------

local ESCAPE <const> = "~."

-- What terminals answer when a shell asks them (ECMA-48, 8.3.14 and 8.3.35): nobody types that.
local ANSWER <const> = "^\27%[[%d;?>]*[Rcn]"

-- The keys that go on to the guest, and whether they ask to leave: "~." at a line's beginning.
local function leaves(state, keys)
  local out, at = {}, 1
  while at <= #keys do
    local answer = keys:match(ANSWER, at)
    local key = answer or keys:sub(at, at)
    at = at + #key
    if answer then
      out[#out + 1] = answer
    elseif state.tilde and key == "." then
      return table.concat(out), true
    else
      if state.tilde then out[#out + 1] = "~" end
      state.tilde = state.fresh and key == "~"
      state.fresh = key == "\r" or key == "\n"
      if not state.tilde then out[#out + 1] = key end
    end
  end
  return table.concat(out), false
end

-- Keys to the guest and its bytes to the terminal, until either side ends it. Whether it was left.
local function carry(session, running)
  local state, typed, changed, left = { fresh = true }, {}, waiters.new(), false
  session.on_keys = function(keys)
    if left then return end
    typed[#typed + 1], left = leaves(state, keys)
    changed:wake()
  end
  session.on_size = function(size) running:resize(size.rows, size.columns) end
  return task.scope(function(scope)
    task.spawn(function()
      for bytes in function() return running.stdout:read() end do session:print(bytes) end
      scope:cancel()
    end)
    task.spawn(function()
      repeat
        changed:until_true(function() return #typed > 0 end)
        local keys = table.concat(typed)
        typed = {}
      until left or not running:write(keys)
      if left then scope:cancel() end
    end)
  end) or left
end

M.attach = {
  usage = "ID [CMD]", summary = "A terminal in a sandbox: its shell, or a command; ~. leaves.",
  arguments = "sandbox",
  run = function(session, rest)
    local name, line = first_word(rest)
    if not name then return session:complain "to which sandbox? .attach ID" end
    if session.dumb then return session:complain "this terminal cannot do that" end
    with_sandbox(session, name, function(connection, box)
      local running <close>, why = remote.start(connection, {
        id = box.id, command = line == "" and "/bin/sh" or line,
        env = { "TERM=" .. (session.terminal or "xterm") },
        pty = { rows = session.size.rows, columns = session.size.columns },
      })
      if not running then return session:complain(why.message) end
      session:raw(true)
      local _ <close> = setmetatable({}, { __close = function()
        session.on_keys, session.on_size = nil, nil
        session:raw(false)
      end })
      if carry(session, running) then
        session:print "\r\nleft; what ran there was ended\r\n"
      else
        tell_exit(session, name, running:wait())
      end
    end)
  end,
}
M.attach.details = ESCAPE .. " at the beginning of a line leaves, and ends what runs there."

-- ---- kill --------------------------------------------------------------------------------------

M.kill = {
  usage = "ID|N", summary = "End a sandbox, or the background job of that number.",
  arguments = "running",
  run = function(session, rest)
    local name = rest:match "^%%?(%S+)%s*$"
    if not name then return session:complain "what? .kill ID, or .kill N" end
    local number = rest:match "^%%?(%d+)%s*$"
    if number and session.jobs:kill(math.tointeger(tonumber(number))) then return end
    with_sandbox(session, name, function(connection, box)
      local result, why = client.ask(connection, "destroy", { id = box.id })
      -- A host that has nothing else ends with it, and may do so before it answers.
      if result or connection.lost then return session:print(box.id .. " is gone\n") end
      session:complain(why.message)
    end, number ~= nil) -- the job of that number may have ended by itself
  end,
}

return M
