local bytes_of = require "support.snp_bytes"
local pem = require "kavach.attest.pem"
local snp = require "kavach.snp"

describe("a certificate in PEM", function()
  local one, two = bytes_of.certificate "ARK-Milan", bytes_of.certificate("SEV-Milan", 77)

  it("has lines of 64 characters between its marks", function()
    for size = 1, 200 do
      local text = pem.encode(("x"):rep(size))
      local body = text:match "^%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-\n(.*)\n%-%-%-%-%-END "
      assert.equal("-----END CERTIFICATE-----\n", text:match "\n(%-%-%-%-%-END .*)$")
      assert.equal(("x"):rep(size), snp.unbase64(body, true))
      local lines = {}
      for line in (body .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
      for i, line in ipairs(lines) do
        assert.is_true(i < #lines and #line == 64 or i == #lines and #line > 0 and #line <= 64)
      end
    end
  end)

  it("is what openssl reads and writes", function()
    if not os.execute "openssl version >/dev/null 2>&1" then
      return pending "there is no openssl"
    end
    local program = require "support.program"
    local path = os.tmpname()
    assert.equal(0, (program.shell(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 "
      .. "-nodes -keyout /dev/null -subj /CN=x -days 2 -outform DER -out '%s'"):format(path))))
    local host = require "support.host"
    local der = host.slurp(path)
    local _, text = program.shell(("openssl x509 -inform DER -in '%s'"):format(path))
    os.remove(path)
    assert.equal(text, pem.encode(der))
    assert.equal(der, pem.decode(text)[1].der)
  end)

  it("is read from a text with several, each with what it claims to be", function()
    local list = assert(pem.decode(pem.encode(one) .. "\n" .. pem.encode(two)))
    assert.same({ { "ark", one }, { "ask", two } },
      { { list[1].role, list[1].der }, { list[2].role, list[2].der } })
  end)

  it("is nothing else", function()
    for _, text in ipairs { "", "junk", one, pem.encode(one):sub(1, -30), "{}" } do
      local list, message = pem.decode(text)
      assert.is_nil(list)
      assert.is_string(message)
    end
  end)

  it("may be a revocation list, with its label", function()
    assert.matches("^%-%-%-%-%-BEGIN X509 CRL%-%-%-%-%-\n", pem.encode(bytes_of.crl(), "X509 CRL"))
  end)
end)
