--- What the annotations say of classes.

local M = {}

---The fields that a class has in the annotations, each with its text; those of the class that it is
---made of, too.
---@param class string
---@param file string? below lua/kavach
---@return table<string, string>
function M.fields_of(class, file)
  local fields, inside, last, above = {}, false, nil, nil
  for line in io.lines("lua/kavach/" .. (file or "meta/kavach.lua")) do
    local begun, base = line:match "^%-%-%-@class ([^%s:]+):? ?(%S*)"
    if begun then
      inside = begun == class
      if inside and base:find "^kavach" then above = base end
    end
    local name, text = line:match "^%-%-%-@field ([%w_]+)%??(.*)"
    if inside and name then
      last, fields[name] = name, text
    elseif inside and last and line:find "^%-%-%- " then
      fields[last] = fields[last] .. line:sub(4)
    elseif line:find "^[^-]" or line == "" then
      inside = false
    end
  end
  for name, text in pairs(above and M.fields_of(above, file) or {}) do fields[name] = text end
  return fields
end

return M
