-- Words as a POSIX shell reads them back.

local quote = {}

---@param word string
---@return string
function quote.word(word)
  if word:find "^[%w_@%%+=:,./-]+$" then return word end
  return "'" .. word:gsub("'", [['\'']]) .. "'"
end

---@param words string[]
---@return string
function quote.words(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = quote.word(word) end
  return table.concat(quoted, " ")
end

return quote
