---@meta kavach.net
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
--- The C module: packet filters, and addresses of names. An IPv4 address is an integer: 10.0.2.15
--- is 0x0a00020f.

---@class kavach.net
local net = {}

---@class kavach.net.FilterOptions
---@field mac string the guest's, six bytes
---@field guest integer its address
---@field network kavach.network.block that it is in
---@field host integer the host's loopback, as the guest sees it
---@field dns integer the name server, as the guest sees it
---@field hosts kavach.network.block[]? which may be reached; nil: all
---@field ports kavach.network.range[]? of TCP and UDP; nil: all, and ICMP echo too
---@field own integer[]? addresses of this machine, which only `hosts` of their own allow

--- One guest's filter, with the stream of its frames.
---@class kavach.net.Filter
local Filter = {}

--- Takes the next bytes from QEMU's filter-redirector.
---@param bytes string
---@return string? frames those that may go on, as a stream; perhaps ""
---@return string? why the bytes are no stream of frames: nothing passes any more
function Filter:feed(bytes) end

--- Frames for the guest that answer what was refused since the last call.
---@return string frames perhaps ""
function Filter:answers() end

--- Whether TCP and UDP may go there.
---@param address integer
---@param port integer
---@return boolean
function Filter:allows(address, port) end

---@return integer passed frames
---@return integer dropped frames
function Filter:counts() end

--- Where the first refused packets wanted to go, each once, up to 16.
---@return { address: integer, port: integer, protocol: integer }[]
function Filter:refused() end

--- Misuse raises.
---@param options kavach.net.FilterOptions
---@return kavach.net.Filter
function net.filter(options) end

--- A name that is looked up on another thread: core.work(lookup:work(), lookup, callback).
---@class kavach.net.Lookup
local Lookup = {}

---@return lightuserdata work to be given to core.work, once
function Lookup:work() end

---@return integer[]? addresses
---@return string? why there are none
function Lookup:addresses() end

---@param name string
---@return kavach.net.Lookup
function net.lookup(name) end

---@return integer[]? addresses of this machine's interfaces
---@return string? why
function net.own_addresses() end

return net
