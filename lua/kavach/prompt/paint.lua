--- Colours of what the prompt shows.

local CODES <const> = {
  text = "32", number = "36", word = "35", dim = "2", strong = "1", bad = "31", good = "32",
  object = "33",
}

--- What puts a text into a colour, if there are colours.
---@param colour boolean?
---@return fun(text: string, name: string?): string
return function(colour)
  if not colour then return function(text) return text end end
  return function(text, name)
    local code = name and CODES[name]
    return code and text ~= "" and ("\27[%sm%s\27[0m"):format(code, text) or text
  end
end
