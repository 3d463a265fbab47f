--- What others call it: --name.

local M = {}

function M.configure(parser)
  parser:option("--name", "What kavach ps, exec, logs and stop know it by."):argname "NAME"
end

function M.read(args, box)
  box.name = args.name
  return true
end

return M
