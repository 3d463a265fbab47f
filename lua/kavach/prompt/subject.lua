--- What "?" behind a name explains: a part of kavach, or what a value is one of.

local chain = require "kavach.prompt.complete.chain"
local help = require "kavach.prompt.help"
local lexer = require "kavach.prompt.lexer"
local plain = require "kavach.plain"
local scopes = require "kavach.prompt.scope"

local M = {}

-- The class of what an expression stands for, if that can be seen without running it.
local function class_of(session, text)
  local tokens = lexer.tokens(text)
  local meaning = chain.meaning(tokens, #tokens, scopes.of(session))
  return meaning and meaning.class
end

---@param session kavach.prompt.session
---@param subject string "kavach.sandbox", "box", "box:exec"
---@return string? text
---@return string? message
function M.explain(session, subject)
  local columns = session.size.columns
  local text, nearest = help.text(subject, columns)
  if text then return text end
  local owner, member = subject:match "^(.+)[.:]([%w_]+)$"
  local class = owner and class_of(session, owner)
  if class then text = help.text(class .. ":" .. member, columns) end
  if not text then
    class = class_of(session, subject)
    text = class and help.text(class, columns)
  end
  if text then return text end
  return nil, ("there is nothing to say of %s%s"):format(plain.text(subject),
    nearest and (" (did you mean %s?)"):format(nearest) or "")
end

return M
