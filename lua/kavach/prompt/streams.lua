--- The `io` of a session's entries. What they read is asked for at the prompt: nothing else waits
--- for it, it can be interrupted, and an operator elsewhere types it there, not where the host was
--- started. What they print goes to the host's output or, with `output`, to the operator.

local ready = require "kavach.task.ready"

local M = {}

local APART <const> = "only an entry, and tasks that it waits for, read from the terminal"
local TAKEN <const> = "something else reads from the terminal just now"
-- What is before a number's digits, the digits, and the exponent.
local NUMERALS <const> = {
  { "^%s*[%+%-]?0[xX]", "^%x*%.?%x*", "^[pP][%+%-]?%d*" },
  { "^%s*[%+%-]?", "^%d*%.?%d*", "^[eE][%+%-]?%d*" },
}

-- ---- reading -----------------------------------------------------------------------------------

-- What was typed for the entry that runs, and has not been read: the rest of a line, or lines.
---@class kavach.prompt.typed
---@field session kavach.prompt.session
---@field task? kavach.Task the entry
---@field rest string
---@field reads? boolean somebody is reading
local Typed = {}
Typed.__index = Typed

-- Another line, or false: there is none.
function Typed:more()
  local line = self.session:ask ""
  if not line then return false end
  self.rest = self.rest .. line .. "\n"
  return true
end

function Typed:take(count)
  local text = self.rest:sub(1, count)
  self.rest = self.rest:sub(count + 1)
  return text
end

function Typed:take_match(pattern)
  local _, last = self.rest:find(pattern)
  return last and self:take(last)
end

function Typed:some() return self.rest ~= "" or self:more() end

-- By the formats of file:read() (Lua 5.4, 6.8).
local formats = {
  L = function(typed) return typed:some() and typed:take((typed.rest:find "\n")) or nil end,
  a = function(typed)
    while typed:more() do end
    return typed:take(#typed.rest)
  end,
  n = function(typed)
    while not typed.rest:find "%S" and typed:more() do end
    for _, numeral in ipairs(NUMERALS) do
      local before = typed:take_match(numeral[1])
      if before then
        local digits = typed:take_match(numeral[2])
        local exponent = digits:find "%x" and typed:take_match(numeral[3]) or ""
        return tonumber(before .. digits .. exponent)
      end
    end
  end,
}

function formats.l(typed)
  local line = formats.L(typed)
  return line and line:sub(1, -2)
end

local function read_count(typed, count)
  while #typed.rest < count and typed:more() do end
  return typed:some() and typed:take(count) or nil
end

local function reader_of(format, at)
  local count = type(format) == "number" and math.tointeger(format)
  if count and count >= 0 then
    return function(typed) return read_count(typed, count) end
  end
  local name = type(format) == "string" and format:gsub("^%*", ""):sub(1, 1)
  return formats[name] or error(("bad argument #%d to 'read' (invalid format)"):format(at), 0)
end

-- Whether a task is another, or one that this waits for.
local function is_within(task, other)
  while task and task ~= other do
    local scope = task.parent
    task = scope and scope.owner
  end
  return task ~= nil
end

-- As file:read(…).
function Typed:read(...)
  local entry = self.session.task
  if not entry or not is_within(ready.current, entry) then return nil, APART end
  if self.reads or self.session.asked then return nil, TAKEN end
  if self.task ~= entry then self.task, self.rest = entry, "" end
  local _ <close> = setmetatable({}, { __close = function() self.reads = false end })
  self.reads = true
  local wanted, results = table.pack(...), {}
  if wanted.n == 0 then wanted = { "l", n = 1 } end
  for i = 1, wanted.n do results[i] = reader_of(wanted[i], i) end
  io.stdout:flush()
  for i = 1, wanted.n do
    results[i] = results[i](self)
    if results[i] == nil then return table.unpack(results, 1, i) end
  end
  return table.unpack(results, 1, wanted.n)
end

-- As file:lines(…).
function Typed:lines(...)
  local wanted = table.pack(...)
  return function()
    local results = table.pack(self:read(table.unpack(wanted, 1, wanted.n)))
    if results[1] == nil and results[2] then error(results[2], 2) end
    return table.unpack(results, 1, results.n)
  end
end

-- A file, as far as it is one: with these methods.
local function new_file(methods)
  local file = setmetatable(methods, { __name = "FILE*" })
  file.__index = file
  return file
end

-- Calls a function of Lua's own, whose errors are of who called this.
local function call(fn, ...)
  local results = table.pack(pcall(fn, ...))
  if not results[1] then error(results[2], 2) end
  return table.unpack(results, 2, results.n)
end

---`io` for a session's entries.
---@param session kavach.prompt.session
---@return table
function M.input(session)
  local typed = setmetatable({ session = session, rest = "" }, Typed)
  local stdin = new_file {
    read = function(_, ...) return typed:read(...) end,
    lines = function(_, ...) return typed:lines(...) end,
    setvbuf = function() return true end,
    close = function() return nil, "the terminal is not closed here" end,
  }
  -- io.input("a file") has these read that.
  local function is_typed() return io.input() == io.stdin end
  local own = {}
  for name, value in next, io do own[name] = value end
  own.stdin = stdin
  function own.read(...)
    if is_typed() then return typed:read(...) end
    return call(io.read, ...)
  end
  function own.lines(path, ...)
    if path == nil and is_typed() then return typed:lines(...) end
    return call(io.lines, path, ...)
  end
  function own.input(file)
    if file == stdin then file = io.stdin end
    if file == nil and is_typed() then return stdin end
    return call(io.input, file)
  end
  function own.type(value)
    if value == stdin or rawequal(value, own.stdout) then return "file" end
    return io.type(value)
  end
  return own
end

-- ---- printing ----------------------------------------------------------------------------------

---Has what entries print go to the session's front end.
---@param session kavach.prompt.session
---@param own table `io` of it
---@return fun(...) print
function M.output(session, own)
  local function write(...)
    for i = 1, select("#", ...) do session:print(tostring((select(i, ...)))) end
  end
  own.stdout = new_file {
    write = function(self, ...)
      write(...)
      return self
    end,
    flush = function(self) return self end,
    setvbuf = function() return true end,
  }
  function own.write(...)
    write(...)
    return own.stdout
  end
  return function(...)
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    session:print(table.concat(parts, "\t") .. "\n")
  end
end

return M
