import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files of an authority of our own, and of a server's certificate that it signed. */
export interface Certificates {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Makes an authority and a certificate for servers on this machine, called localhost or 127.0.0.1. */
export function makeCertificates(directory: string): Certificates {
  const file = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): unknown => execFileSync("openssl", args, { stdio: "pipe" });
  const [authority, authorityKey, certificate, key] = [file("ca.crt"), file("ca.key"), file("server.crt"), file("server.key")];
  const days = ["-days", "2"];
  openssl("req", "-x509", ...curve, "-subj", "/CN=Authority of a test", ...days, "-keyout", authorityKey, "-out", authority);
  openssl("req", ...curve, "-subj", "/CN=localhost", "-keyout", key, "-out", file("server.csr"));
  writeFileSync(file("server.ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  const signer = ["-CA", authority, "-CAkey", authorityKey, "-CAcreateserial"];
  openssl("x509", "-req", "-in", file("server.csr"), ...signer, ...days, "-extfile", file("server.ext"), "-out", certificate);
  chmodSync(key, 0o644);
  return { authority, certificate, key };
}
