// Writes test/Inkstone.Text.Tests/huggingface-features.json: one small tokenizer for each feature of tokenizer.json, and what Hugging Face makes of it.
//   npm install --no-save tokenizers@0.23.2 && node tokenizers-features.cjs OUT.json      (in the folder of node_modules)
const fs = require('node:fs');
const path = require('node:path');
const t = require(path.resolve('node_modules/tokenizers'));
const chars=[];{const bs=[];for(let i=33;i<127;i++)bs.push(i);for(let i=161;i<173;i++)bs.push(i);for(let i=174;i<256;i++)bs.push(i);let n=0;const m={};for(let b=0;b<256;b++)m[b]=bs.includes(b)?b:256+n++;for(let b=0;b<256;b++)chars[b]=String.fromCodePoint(m[b]);}
const vocab={};chars.slice().sort().forEach((c,i)=>vocab[c]=i);
const merges=[];function merge(a,b){merges.push([a,b]); if(!(a+b in vocab)) vocab[a+b]=Object.keys(vocab).length;}
merge('h','e');merge('l','l');merge('he','ll');merge('hell','o');merge('Ġ','w');merge('o','r');merge('Ġw','or');merge('l','d');merge('Ġwor','ld');merge('1','2');merge('12','3');merge('a','b');merge('b','c');merge('a','bc');merge('ab','c');merge('ä','½');merge('ä½','ł');merge('e','l');merge('ł','å');
vocab['hello12']=Object.keys(vocab).length;
const added=(id,content,o={})=>({id,content,single_word:false,lstrip:false,rstrip:false,normalized:false,special:true,...o});
const base=()=>({version:'1.0',truncation:null,padding:null,added_tokens:[],normalizer:null,pre_tokenizer:{type:'ByteLevel',add_prefix_space:false,trim_offsets:true,use_regex:true},post_processor:null,decoder:{type:'ByteLevel',add_prefix_space:true,trim_offsets:true,use_regex:true},model:{type:'BPE',dropout:null,unk_token:null,continuing_subword_prefix:null,end_of_word_suffix:null,fuse_unk:false,byte_fallback:false,ignore_merges:false}});
const n=Object.keys(vocab).length;
const cases=[]; const C=(name,patch,texts)=>{const j=base();patch(j);cases.push({name,tokenizer:j,texts})};
const T=['hello world','  hello  <m> world<m>hello','x<m>y <m>','<m><m>','a  <m>  b','hello123 12 1234abc','你好，hello','<mm> <m','Hello\n <m> \n','','<m> ','abcabc ab bc'];
C('plain',j=>{},T);
C('added',j=>{j.added_tokens=[added(n,'<m>')]},T);
C('longest',j=>{j.added_tokens=[added(n,'<m'),added(n+1,'<mm>'),added(n+2,'<m>')]},T);
C('lstrip',j=>{j.added_tokens=[added(n,'<m>',{lstrip:true})]},T);
C('rstrip',j=>{j.added_tokens=[added(n,'<m>',{rstrip:true})]},T);
C('both strips',j=>{j.added_tokens=[added(n,'<m>',{lstrip:true,rstrip:true})]},T);
C('single word',j=>{j.added_tokens=[added(vocab['hello'],'hello',{single_word:true}),added(n,'<m>',{single_word:true,special:false})]},[...T,'xhello hello hellox _hello hello_ 你hello hello，hello!']);
C('normalized',j=>{j.normalizer={type:'NFC'};j.added_tokens=[added(n,'e\u0301',{normalized:true,special:false}),added(n+1,'<m>',{normalized:true})]},[...T,'cafe\u0301 \u00e9 e\u0301','\u1112\u1161\u11ab 한 \u212b A\u030a']);
C('prefix space',j=>{j.pre_tokenizer.add_prefix_space=true;j.added_tokens=[added(n,'<m>')]},T);
C('no regex',j=>{j.pre_tokenizer.use_regex=false},T);
C('ignore merges',j=>{j.model.ignore_merges=true;j.pre_tokenizer.use_regex=false},[...T,'hello12','hello12 ']);
C('strings',j=>{j.strings=true},T);
for (const b of ['Isolated','Removed','MergedWithPrevious','MergedWithNext','Contiguous']) for (const inv of [false,true])
 C(`split ${b} ${inv}`,j=>{j.pre_tokenizer={type:'Sequence',pretokenizers:[{type:'Split',pattern:{Regex:'[aeo ]|l+'},behavior:b,invert:inv},{type:'ByteLevel',add_prefix_space:false,trim_offsets:true,use_regex:false}]}},T);
C('split string',j=>{j.pre_tokenizer={type:'Sequence',pretokenizers:[{type:'Split',pattern:{String:'l'},behavior:'Isolated',invert:false},{type:'ByteLevel',add_prefix_space:false,trim_offsets:true,use_regex:false}]}},T);
C('several splits',j=>{j.pre_tokenizer={type:'Sequence',pretokenizers:[{type:'Split',pattern:{Regex:'\\p{N}{1,3}'},behavior:'Isolated',invert:false},{type:'Split',pattern:{Regex:'[一-龥]+'},behavior:'Isolated',invert:false},{type:'Split',pattern:{Regex:"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]++[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},behavior:'Isolated',invert:false},{type:'ByteLevel',add_prefix_space:false,trim_offsets:true,use_regex:false}]}},[...T,'𠀀𠀁x 𝒳 (foo)bar+baz']);
C('digits',j=>{j.pre_tokenizer={type:'Sequence',pretokenizers:[{type:'Digits',individual_digits:true},{type:'ByteLevel',add_prefix_space:false,trim_offsets:true,use_regex:true}]}},T);
C('digits together',j=>{j.pre_tokenizer={type:'Sequence',pretokenizers:[{type:'Digits',individual_digits:false},{type:'ByteLevel',add_prefix_space:false,trim_offsets:true,use_regex:true}]}},T);
C('template',j=>{j.added_tokens=[added(n,'<m>'),added(n+1,'<e>')];j.post_processor={type:'Sequence',processors:[{type:'ByteLevel',add_prefix_space:true,trim_offsets:false,use_regex:true},{type:'TemplateProcessing',single:[{SpecialToken:{id:'<m>',type_id:0}},{Sequence:{id:'A',type_id:0}},{SpecialToken:{id:'<e>',type_id:0}}],pair:[{Sequence:{id:'A',type_id:0}},{Sequence:{id:'B',type_id:1}}],special_tokens:{'<m>':{id:'<m>',ids:[n],tokens:['<m>']},'<e>':{id:'<e>',ids:[n+1],tokens:['<e>']}}}]}},T);
C('sentencepiece',j=>{j.normalizer={type:'Sequence',normalizers:[{type:'Prepend',prepend:'▁'},{type:'Replace',pattern:{String:' '},content:'▁'}]};j.pre_tokenizer=null;j.decoder={type:'Sequence',decoders:[{type:'Replace',pattern:{String:'▁'},content:' '},{type:'ByteFallback'},{type:'Fuse'},{type:'Strip',content:' ',start:1,stop:0}]};j.sp=1;j.model.unk_token='<unk>';j.model.byte_fallback=true;j.added_tokens=[added(0,'<unk>'),added(1,'<m>')]},[...T,'é😀x\u0001']);
C('unknown fused',j=>{j.pre_tokenizer=null;j.decoder=null;j.sp=2;j.model.unk_token='<unk>';j.model.fuse_unk=true},T);
C('unknown apart',j=>{j.pre_tokenizer=null;j.decoder=null;j.sp=2;j.model.unk_token='<unk>'},T);
(async()=>{
 const out=[];
 for(const c of cases){ const j=c.tokenizer; const sp=j.sp; delete j.sp; const strings=j.strings; delete j.strings;
  let v=vocab,m=merges;
  if(sp){ v={'<unk>':0,'<m>':1}; if(sp===1) for(let b=0;b<256;b++) v['<0x'+b.toString(16).toUpperCase().padStart(2,'0')+'>']=2+b; m=[]; const add=x=>{if(!(x in v))v[x]=Object.keys(v).length}; for(const x of '▁helo wrdabc') add(x); for(const [a,b] of [['h','e'],['l','l'],['he','ll'],['hell','o'],['▁','hello'],['▁','w'],['▁','▁'],['o','r'],['▁w','or'],['l','d'],['▁wor','ld']]){add(a+b);m.push([a,b]);}}
  j.model.vocab=v; j.model.merges=strings?m.map(x=>x.join(' ')):m;
  const tok=t.Tokenizer.fromString(JSON.stringify(j)); const ids=[],special=[],decoded=[],skipped=[];
  for(const x of c.texts){ const e=await tok.encode(x,null,{addSpecialTokens:false}); ids.push(e.getIds()); const s=await tok.encode(x,null,{addSpecialTokens:true}); special.push(s.getIds()); decoded.push(await tok.decode(s.getIds(),false)); skipped.push(await tok.decode(s.getIds(),true)); }
  // random ids too
  const size=Math.max(...Object.values(v),...j.added_tokens.map(a=>a.id))+1; const rnd=[]; let seed=12345; const R=()=>(seed=(seed*1103515245+12345)&0x7fffffff)/0x7fffffff; for(let k=0;k<30;k++){rnd.push(Array.from({length:1+Math.floor(R()*9)},()=>Math.floor(R()*(k%2?Math.min(size,262):size))))} const rdec=[],rskip=[]; for(const r of rnd){rdec.push(await tok.decode(r,false));rskip.push(await tok.decode(r,true));}
  out.push({name:c.name,vocabulary:sp||0,tokenizer:{...j,model:{...j.model,vocab:undefined,merges:undefined}},strings:!!strings,texts:c.texts,ids,special,decoded,skipped,random:rnd,randomDecoded:rdec,randomSkipped:rskip, full:j});
 }
 fs.writeFileSync(process.argv[2],JSON.stringify(out.map(({tokenizer,full,vocabulary,strings,...o})=>({...o,tokenizer:full}))));
 console.log(out.length, fs.statSync(process.argv[2]).size);
})();
