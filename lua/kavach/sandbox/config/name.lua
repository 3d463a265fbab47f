-- What others call a sandbox.

local MOST <const> = 64

local M = {}

M.options = {
  name = {
    type = "string",
    fn = function(name)
      if #name <= MOST and name:find "^%w[%w._-]*$" then return name end
      return nil, ("at most %d letters, digits, '.', '_' and '-', the first a letter or a digit; "
        .. "got %q"):format(MOST, name)
    end,
  },
}

function M.check() return true end

return M
