import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A key and a certificate that nobody vouches for, as options of an https server. */
export function selfSigned(name = "peer"): { readonly key: Buffer; readonly cert: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), "certificate-"));
  try {
    const [keyFile, certFile] = [join(directory, "key"), join(directory, "crt")];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        ...curve,
        "-nodes",
        "-subj",
        `/CN=${name}`,
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:peer",
        "-days",
        "2",
        "-keyout",
        keyFile,
        "-out",
        certFile,
      ],
      {
        stdio: "ignore",
      },
    );
    return { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
