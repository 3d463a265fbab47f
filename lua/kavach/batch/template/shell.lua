--- A command line with replacement strings in it, read as a POSIX shell reads it, so that each
--- value gets the quoting that its place needs: none of `"`, `'` or `\` around it takes the
--- protection away. Where no quoting is safe the replacement string is refused, with what to write
--- instead.

local quote = require "kavach.sandbox.quote"
local strings = require "kavach.batch.template.strings"

local M = {}

-- ---- one value in its place ------------------------------------------------------------------

-- A shell takes these for its own where a command begins.
local RESERVED <const> = {}
for word in ("if then else elif fi do done case esac while until for in time function select "
  .. "coproc"):gmatch "%a+" do
  RESERVED[word] = true
end

local writers <const> = {}

-- `hard`: what follows would make a number one of a descriptor: {}>file. And A=B where a command
-- begins would be an assignment.
function writers.bare(value, hard)
  local quoted = quote.word(value)
  if quoted == value and (hard or RESERVED[value] or value:find("=", 1, true)) then
    return "'" .. value .. "'"
  end
  return quoted
end

function writers.double(value) return (value:gsub('[\\"$`]', "\\%0")) end

function writers.single(value) return (value:gsub("'", [['\'']])) end

---@param part table of `read`
---@param value string|string[]
---@return string
function M.write(part, value)
  local write = writers[part.place] or tostring
  if type(value) == "string" then return write(value, part.hard) end
  local words = {}
  for i, each in ipairs(value) do words[i] = write(each, part.hard) end
  return table.concat(words, " ")
end

-- ---- reading ---------------------------------------------------------------------------------
-- A stack of places: each has what it is in `kind`, and how it ends. `unsure` says why it is not
-- known any more, from some point on, how the shell reads the text.

local NO_VALUES <const> = {
  comment = "a comment: leave it out",
  param = "${…}: put it in a variable first (x={})",
  arith = "((…)), where quotes are none: put it in a variable first (x={})",
  backtick = "`…`: write $(…)",
  ansi = "$'…': write it without the $",
}

local NAMES <const> = {
  double = 'a " is not closed', single = "a ' is not closed", param = "a ${ is not closed",
  arith = "a (( is not closed", backtick = "a ` is not closed", ansi = "a $' is not closed",
  bare = "a $( is not closed",
}

local Reader <const> = {}
Reader.__index = Reader

function Reader:push(kind, depth)
  self.stack[#self.stack + 1] = { kind = kind, depth = depth }
end

function Reader:top() return self.stack[#self.stack] end

function Reader:pop() self.stack[#self.stack] = nil end

-- Whether a ${…} stands between double quotes.
function Reader:in_double()
  for i = #self.stack, 1, -1 do
    local kind = self.stack[i].kind
    if kind == "double" or kind == "bare" then return kind == "double" end
  end
end

function Reader:give_up(why) self.unsure = self.unsure or why end

function Reader:flush(upto)
  if upto >= self.from then self.parts[#self.parts + 1] = self.text:sub(self.from, upto) end
end

-- Why a value cannot stand here.
function Reader:refusal(at)
  local place = self:top().kind
  if self.unsure then return "behind " .. self.unsure end
  if NO_VALUES[place] then return "in " .. NO_VALUES[place] end
  if at == self.escaped then return "behind a backslash: a value is quoted as it is" end
end

-- A replacement string at `at`, if there is one: where the text goes on; nil, or nil and a message.
function Reader:token(at)
  local token, after = strings.read(self.text, at, self.about)
  if not token then return nil, after end
  self:flush(at - 1)
  self.from, self.found = after, true
  local place = self:top().kind
  if token.kind == "slot" then
    local quoted = place == "single" or place == "ansi"
    if quoted or self.unsure or at == self.escaped then
      return nil, "{%} cannot stand in '…', behind a backslash, or in a here-document: "
        .. "use $KAVACH_SLOT"
    end
    self.parts[#self.parts + 1] = "${KAVACH_SLOT}"
    return after
  end
  if token.kind == "value" then
    local why = self:refusal(at)
    if why then
      return nil, ("%s cannot stand %s"):format(self.text:sub(at, after - 1), why)
    end
  end
  token.hard = place == "bare" and self.text:find("^[<>{]", after) ~= nil
  token.place = place
  self.parts[#self.parts + 1] = token
  return after
end

-- What a "$" begins: where it goes on.
function Reader:dollar(at)
  local text = self.text
  local place = self:top().kind
  if text:find("^{", at + 1) then
    self:push("param")
    return at + 2
  elseif text:find("^%(%(", at + 1) then
    self:push("arith", 2)
    return at + 3
  elseif text:find("^%(", at + 1) then
    self:push("bare", 1)
    return at + 2
  elseif place == "bare" and text:find("^'", at + 1) then
    self:push "ansi"
    return at + 2
  end
  return at + 1
end

-- A backslash and what it escapes. A replacement string behind it is looked at by itself.
function Reader:backslash(at)
  self.escaped = at + 1
  return self.text:find("^{", at + 1) and at + 1 or at + 2
end

local readers <const> = {}

-- Whether a word can begin at `at`.
local function at_word(text, at)
  return at == 1 or text:find("^[ \t\n;&|()<>`]", at - 1) ~= nil
end

function readers.bare(self, at, c)
  local text, place = self.text, self:top()
  if c == "'" then self:push "single"
  elseif c == '"' then self:push "double"
  elseif c == "`" then self:push "backtick"
  elseif c == "#" and at_word(text, at) then self:push "comment"
  elseif c == "(" then
    if text:find("^%(", at + 1) and at_word(text, at) then
      self:push("arith", 2)
      return at + 2
    end
    if place.depth then place.depth = place.depth + 1 end
  elseif c == ")" and place.depth then
    place.depth = place.depth - 1
    if place.depth == 0 then self:pop() end
  elseif c == "<" and text:find("^<", at + 1) then
    if text:find("^<", at + 2) then return at + 3 end
    self:give_up "a here-document: put it in a variable first (x={})"
    return at + 2
  elseif c == "c" and place.depth and at_word(text, at) and text:find("^case%f[^%w_]", at) then
    self:give_up "a case in $(…): put it in a variable first (x={})"
  end
  return at + 1
end

function readers.double(self, at, c)
  if c == '"' then self:pop() elseif c == "`" then self:push "backtick" end
  return at + 1
end

function readers.single(self, at, c)
  if c == "'" then self:pop() end
  return at + 1
end

function readers.ansi(self, at, c)
  -- Not every shell knows $'…', so not every one has escapes in it.
  if c == "\\" then self:give_up "a backslash in $'…': write it without the $" end
  if c == "'" then self:pop() end
  return at + 1
end

function readers.comment(self, at, c)
  if c == "\n" then self:pop() end
  return at + 1
end

function readers.backtick(self, at, c)
  if c == "`" then self:pop() end
  return at + 1
end

function readers.param(self, at, c)
  if c == "}" then self:pop()
  elseif c == "`" then self:push "backtick"
  elseif c == "'" or c == '"' then
    if self:in_double() then self:give_up 'a quote in "${…}", which not all shells read alike' end
    self:push(c == '"' and "double" or "single")
  end
  return at + 1
end

function readers.arith(self, at, c)
  local place = self:top()
  if c == "(" then place.depth = place.depth + 1
  elseif c == ")" then
    place.depth = place.depth - 1
    if place.depth == 0 then self:pop() end
  elseif c == '"' then self:push "double"
  elseif c == "`" then self:push "backtick"
  elseif c == "'" or c == "#" and at_word(self.text, at) then
    self:give_up "a quote or a comment in ((…)): put it in a variable first (x={})"
  end
  return at + 1
end

local LITERAL <const> = { single = true, comment = true, ansi = true }

local function step(self, at)
  local c = self.text:sub(at, at)
  local kind = self:top().kind
  if c == "{" then
    local after, message = self:token(at)
    if message then return nil, message end
    return after or at + 1
  end
  if not LITERAL[kind] then
    if c == "\\" then return self:backslash(at) end
    if c == "$" and kind ~= "backtick" then return self:dollar(at) end
  end
  return readers[kind](self, at, c)
end

-- All that means something to the shell, or to us.
local SPECIAL <const> = "[\\\"'`$(){}#<c\n]"

local function read(text, about)
  local self = setmetatable({
    text = text, about = about, parts = {}, from = 1, stack = { { kind = "bare" } },
  }, Reader)
  local at = 1
  while at <= #text do
    local next_at, message = step(self, at)
    if not next_at then return nil, message end
    at = text:find(SPECIAL, next_at) or #text + 1
  end
  if self:top().kind == "comment" then
    self:pop()
    self.commented = true
  end
  local open = #self.stack > 1 and self:top().kind
  if open and not self.unsure then return nil, NAMES[open] end
  self:flush(#text)
  return self
end

---The parts of a command line: text, and tokens (strings.lua) with the `place` that they stand in.
---Without a replacement string the input is added at the end, as its last word.
---@param text string
---@param about table see strings.read
---@return (string|table)[]? parts
---@return string? message
function M.read(text, about)
  local done, message = read(text, about)
  if not done or done.found then return done and done.parts, message end
  text = text:gsub("%s+$", "")
  if done.unsure or done.commented or text:find "[;&|\\]$" or text == "" then
    return nil, "it has no {}, and an input cannot be added at its end: say where it goes"
  end
  done, message = read(text .. " {}", about)
  return done and done.parts, message
end

return M
