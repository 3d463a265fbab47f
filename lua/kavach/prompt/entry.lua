--- What somebody has entered at the prompt: a statement or expression of Lua, a command of the
--- prompt (".ps"), a question about a name ("box:exec?"); or none of them, and why.

local lexer = require "kavach.prompt.lexer"
local locals = require "kavach.prompt.entry.locals"

local M = { environment = require "kavach.prompt.entry.environment" }

---@class kavach.prompt.entry
---@field kind "empty"|"command"|"help"|"lua"|"more"|"error"
---@field name? string command: without the dot
---@field rest? string command: what stands behind the name
---@field subject? string help: "kavach.sandbox", "box:exec", ".ps"
---@field chunk? string lua: what `load` takes, with an environment of `entry.environment`
---@field chunk_name? string lua: what `load` is to call it
---@field expression? boolean lua: whether it is one, so that what it gives is to be shown
---@field background? boolean lua: whether it is to run in the background
---@field names? string[] lua: what is to be declared before it runs
---@field notes? string[] lua: what the person should know
---@field message? string error

--- What errors of an entry's code have in front of the line.
---@param number integer the entry's
---@return string
function M.chunk_name(number) return ("=(%d)"):format(number) end

-- ---- commands and help -------------------------------------------------------------------------

local function command(text)
  local name, rest = text:match "^%s*%.(%a[%w_-]*)(.*)$"
  if not name then return nil end
  if rest:find "^%s*%?%s*$" then return { kind = "help", subject = "." .. name } end
  return { kind = "command", name = name, rest = rest:match "^%s*(.*%S)" or "" }
end

-- "a.b:c ?", of tokens that are no comments.
local function help(tokens)
  local count = #tokens
  if count < 2 or count % 2 > 0 or tokens[count].text ~= "?" then return nil end
  local words = {}
  for i = 1, count - 1 do
    local token = tokens[i]
    local fits = token.kind == "name"
    if i % 2 == 0 then fits = token.text == "." or token.text == ":" end
    if not fits then return nil end
    words[i] = token.text
  end
  return { kind = "help", subject = table.concat(words) }
end

local function significant(tokens)
  local out = {}
  for _, token in ipairs(tokens) do
    if token.kind ~= "comment" or token.unfinished then out[#out + 1] = token end
  end
  return out
end

-- ---- Lua ---------------------------------------------------------------------------------------

-- In a coroutine, so that no handler of errors changes the message.
local function compile(text, name)
  return coroutine.wrap(load)(text, name, "t", {})
end

local function is_incomplete(message)
  return message:find("near <eof>$") or message:find("near '<eof>'$")
end

-- Whether text that begins with this token is no statement, but may be an expression.
local function begins_expression(tokens)
  local first = tokens[1]
  if first.kind == "number" or first.kind == "string" then return true end
  if first.kind == "symbol" then return first.text ~= "(" and first.text ~= "::" end
  local second = tokens[2]
  return first.text == "nil" or first.text == "true" or first.text == "false"
    or first.text == "not" or first.text == "function" and second and second.text == "("
end

-- "(3):2: message" as a person needs it who sees what they typed.
local function told(message, text, tokens)
  local line, rest = message:match "^%(%d*%):(%d+): (.*)$"
  if not line then return message end
  local several = text:sub(tokens[1].from, tokens[#tokens].to):find("\n", 1, true)
  return several and ("line %s: %s"):format(line, rest) or rest
end

-- What Lua says of the text: "expression", "statement", "more", or "error" and the message. A line
-- end is put behind it: what no further line could mend is wrong, and not unfinished.
local function judge(text, tokens, name)
  local as_expression, why = compile("return " .. text .. "\n", name)
  if as_expression then return "expression" end
  local as_statement, message = compile(text .. "\n", name)
  if as_statement then return "statement" end
  if is_incomplete(why) or is_incomplete(message) then return "more" end
  return "error", begins_expression(tokens) and why or message
end

local function with_spaces(text, at)
  return text:sub(1, at - 1) .. " " .. text:sub(at + 1)
end

local function lua(text, tokens, number)
  local background = tokens[1].text == "&"
  if background then
    text = with_spaces(text, tokens[1].from)
    table.remove(tokens, 1)
    if not tokens[1] then
      return { kind = "error", message = "nothing stands behind '&' that could be run" }
    end
  end
  local asked = tokens[1].text == "="
  if asked then
    text = with_spaces(text, tokens[1].from)
    table.remove(tokens, 1)
    if not tokens[1] then return { kind = "more" } end
  end
  local name = M.chunk_name(number or 1)
  local kind, message = judge(text, tokens, name)
  if kind == "more" then return { kind = "more" } end
  if kind == "statement" and asked then
    kind, message = "error", select(2, compile("return " .. text, name))
  end
  if kind == "error" then return { kind = "error", message = told(message, text, tokens) } end
  local entry = {
    kind = "lua", chunk_name = name, expression = kind == "expression", background = background,
    names = {}, notes = {},
  }
  if entry.expression then
    entry.chunk = "return " .. text
  else
    entry.chunk, entry.names, entry.notes = locals.kept(text, tokens, name)
  end
  return entry
end

--- What is to be done with a text.
---@param text string
---@param number? integer the entry's, for `chunk_name`: default 1
---@return kavach.prompt.entry
function M.parse(text, number)
  local given = command(text)
  if given then return given end
  local tokens = significant(lexer.tokens(text))
  if not tokens[1] then return { kind = "empty" } end
  if tokens[1].kind == "comment" then return { kind = "more" } end
  return help(tokens) or lua(text, tokens, number)
end

return M
