local err = require "kavach.err"
local firmware = require "support.firmware"
local host = require "support.host"
local id_block = require "kavach.measure.id_block"
local kavach = require "kavach"
local program = require "support.program"
local snp = require "kavach.snp"

describe("kavach.measure.id_block", function()
  local folder, remove
  local digest = ("\x5a"):rep(48)

  local function openssl(words)
    local code, _, errors = program.shell(("cd '%s' && openssl %s"):format(folder, words))
    assert.equal(0, code, errors)
  end

  setup(function()
    folder, remove = host.folder()
    openssl "ecparam -name secp384r1 -genkey -out id.pem" -- SEC 1, behind its parameters
    openssl "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out author.pem" -- PKCS #8
  end)
  teardown(function() remove() end)

  local function path(name) return folder .. "/" .. name end

  local function made(more)
    local o = { digest = digest, id_key = path "id.pem" }
    for key, value in pairs(more or {}) do o[key] = value end
    return kavach.measure.id_block(o)
  end

  it("lays the block out", function()
    local b = assert(made { family_id = ("\1"):rep(16), image_id = ("2"):rep(32), guest_svn = 7,
      policy = 0x3001f }).id_block
    assert.equal(digest .. ("\1"):rep(16) .. ("\x22"):rep(16)
      .. string.pack("<I4I4I8", 1, 7, 0x3001f), b)
    assert.equal(string.pack("<I4I4I8", 1, 0, 0x30000), assert(made()).id_block:sub(-16))
  end)

  it("signs it so that openssl agrees", function()
    local signed = assert(made { author_key = path "author.pem" })
    local function number(at) return signed.id_auth:sub(at + 1, at + 48):reverse() end
    local function integer(bytes) -- DER
      bytes = bytes:gsub("^\0+", "")
      if bytes:byte() >= 0x80 then bytes = "\0" .. bytes end
      return "\2" .. string.char(#bytes) .. bytes
    end
    local function check(key, at, bytes)
      local body = integer(number(at)) .. integer(number(at + 72))
      host.write(path "sig", "\x30" .. string.char(#body) .. body)
      host.write(path "signed", bytes)
      openssl(("pkey -in %s -pubout -out pub.pem"):format(key))
      openssl "dgst -sha384 -verify pub.pem -signature sig signed"
    end
    check("id.pem", 0x40, signed.id_block)
    check("author.pem", 0x680, signed.id_auth:sub(0x241, 0x644))
    assert.equal(firmware.sha384(signed.id_auth:sub(0x241, 0x644)), signed.id_key_digest)
    assert.equal(firmware.sha384(signed.id_auth:sub(0x881, 0xc84)), signed.author_key_digest)
  end)

  it("works without an author", function()
    local signed = assert(made())
    assert.is_nil(signed.author_key_digest)
    assert.equal(string.pack("<I4I4", 1, 0), signed.id_auth:sub(1, 8))
    assert.equal(("\0"):rep(4096 - 0x680), signed.id_auth:sub(0x681))
    assert.same({ block_signed = true, id_key_digest = signed.id_key_digest },
      id_block.check(signed.id_block, signed.id_auth))
    assert.equal(("id-block=%s,id-auth=%s,author-key-enabled=off"):format(
      snp.base64(signed.id_block), snp.base64(signed.id_auth)), signed:qemu())
  end)

  it("notices any change of block, keys and signatures", function()
    local signed = assert(made { author_key = path "author.pem" })
    local function bent(bytes, at)
      return firmware.patched(bytes, at, string.char(bytes:byte(at + 1) ~ 1))
    end
    for _, at in ipairs { 0, 47, 0x30, 0x50, 0x58, 95 } do
      assert.is_false(id_block.check(bent(signed.id_block, at), signed.id_auth).block_signed)
    end
    for _, at in ipairs { 0, 0x40, 0x6f, 0x70, 0x88, 0xb8, 0x23f, 0x240, 0x244, 0x28c } do
      assert.is_false(id_block.check(signed.id_block, bent(signed.id_auth, at)).block_signed, at)
    end
    for _, at in ipairs { 0x240, 0x2c4, 0x643, 0x680, 0x6b0, 0x6c8, 0x710, 0x87f, 0x880, 0x884 } do
      assert.is_false(id_block.check(signed.id_block, bent(signed.id_auth, at)).key_signed, at)
    end
  end)

  it("refuses keys that firmware could not use, naming the file", function()
    openssl "ecparam -name prime256v1 -genkey -noout -out p256.pem"
    openssl "genrsa -out rsa.pem 2048"
    openssl "pkcs8 -topk8 -in id.pem -passout pass:x -out locked.pem"
    openssl "pkey -in id.pem -pubout -out public.pem"
    host.write(path "text", "no key")
    host.write(path "nothing", "")
    for name, why in pairs { ["p256.pem"] = "not of the curve P%-384",
      ["rsa.pem"] = "not of the curve P%-384", ["locked.pem"] = "no private key in PEM",
      ["public.pem"] = "no private key in PEM", text = "no private key in PEM",
      nothing = "empty", none = "No such file", [""] = "directory" } do
      for _, option in ipairs { "id_key", "author_key" } do
        local signed, e = made { [option] = path(name) }
        assert.is_nil(signed)
        assert.is_true(err.is(e, "io"))
        assert.matches(why, tostring(e))
        assert.matches(folder .. "/" .. name, tostring(e), 1, true)
      end
    end
  end)

  it("refuses what cannot be meant", function()
    local function raised(more)
      local ok, message = pcall(made, more)
      assert.is_false(ok)
      return message
    end
    assert.matches("digest must be 48 bytes", raised { digest = "abc" })
    assert.matches("family_id must be 16 bytes", raised { family_id = "abc" })
    assert.matches("policy", raised { policy = 0x10000 }) -- bit 17
    assert.matches("policy", raised { policy = 1 << 40 | 0x30000 })
    assert.matches("guest_svn", raised { guest_svn = -1 })
    assert.matches("unknown option 'idkey' %(did you mean 'id_key'%?%)", raised { idkey = "x" })
  end)
end)
