--- Dot commands for files, and the state of the machine.

local M = {}

-- A file's name as it was typed: quotes around it are left out, ~ is the home.
local function path_of(rest)
  local name = rest:match '^"(.*)"$' or rest:match "^'(.*)'$" or rest
  return (name:gsub("^~/", (os.getenv "HOME" or "~") .. "/"))
end

-- Runs a file with the session's globals; whether it got to its end.
local function load_one(session, path)
  local chunk, why = loadfile(path, "t", session.env)
  if not chunk then
    session:complain(why)
    return false
  end
  return session:run(chunk)
end

M.load = {
  usage = "FILE", summary = "Run a Lua file; what it defines is there afterwards.",
  arguments = "file",
  run = function(session, rest)
    local path = path_of(rest)
    if path == "" then return session:complain "which file? .load FILE" end
    if not load_one(session, path) then return end
    for _, known in ipairs(session.loaded) do
      if known == path then return end
    end
    table.insert(session.loaded, path)
  end,
}

M.reload = {
  summary = "Run the files of .load again, in order.",
  run = function(session)
    if #session.loaded == 0 then return session:complain "nothing was loaded: .load FILE" end
    for _, path in ipairs(session.loaded) do
      if not load_one(session, path) then return end
      session:print("loaded " .. require("kavach.plain").text(path) .. "\n")
    end
  end,
}

local function write(path, texts)
  local file <close>, why = io.open(path, "w")
  if not file then return nil, why end
  local ok
  for _, text in ipairs(texts) do
    ok, why = file:write(text, "\n")
    if not ok then return nil, ("%s: %s"):format(path, why) end
  end
  ok, why = file:close()
  return ok, ok or ("%s: %s"):format(path, why)
end

M.save = {
  usage = "[-f] FILE", summary = "Write what was entered to a file; -f: over one that is there.",
  arguments = "file",
  run = function(session, rest)
    local force, name = rest:match "^(%-f)%s+(.*)$"
    local path = path_of(name or rest)
    if path == "" then return session:complain "to which file? .save FILE" end
    if not force and require("lfs").symlinkattributes(path, "mode") then
      return session:complain(("%s is there already: .save -f writes over it"):format(path))
    end
    local ok, why = write(path, session.texts)
    if not ok then return session:complain(tostring(why)) end
    session:print(("%d entries are in %s\n"):format(#session.texts,
      require("kavach.plain").text(path)))
  end,
}

M.doctor = {
  summary = "Say what works on this machine, and what to do about what does not.",
  run = function(session)
    local report = require("kavach.doctor").doctor { probe = false }
    session:print(require("kavach.doctor.show").text(report))
  end,
}

return M
